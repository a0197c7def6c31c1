"""What ordinary use meets: every method with 0, 1 and 3 records, every menu, view and button by every role."""

from .crawl_batches import broken_batches
from .crawl_world import crawl_world

POINTS = 100_000  # more than there is: everything


def run(points: int, seed: int) -> list[str]:
    with crawl_world("lokario_chaos_crawl") as environment:
        environment.found()
        return broken_batches(environment, points, seed)
