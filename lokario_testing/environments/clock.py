"""Tests that send at any hour of the day to people whom nobody may wake."""

from datetime import UTC, datetime


def zone_at_noon() -> str:
    """Return a time zone in which it is about twelve now: Etc/GMT-3 is three hours ahead of Greenwich."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
