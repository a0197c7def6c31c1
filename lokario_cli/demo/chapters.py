"""The chapters in the order they are played: (title, function of the stage)."""

CHAPTERS = []
