"""A sample that stays what it is: another module's new menu or method does not exchange all the others."""

import hashlib


def stable_sample(everything: list, points: int, seed: int, name=str) -> list:
    """`points` of them, in their order, chosen by a hash of each one's name."""

    def place(number: int) -> bytes:
        return hashlib.sha256(f"{seed} {name(everything[number])}".encode()).digest()

    chosen = sorted(range(len(everything)), key=place)[:points]
    return [everything[number] for number in sorted(chosen)]
