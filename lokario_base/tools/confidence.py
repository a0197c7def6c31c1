"""How sure a rate is that was seen a few times only."""

from math import sqrt


def lower_bound(successes: int, trials: int, z: float = 1.96) -> float:
    """Return the lower end of Wilson's score interval for a rate (0..1), 0.0 without a trial.

    z = 1.96 is the two-sided 95 % level. Source: E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22 (1927), p. 209.
    """
    if not trials:
        return 0.0
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes out of {trials} trials")
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    margin = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - margin) / (1 + z * z / trials))
