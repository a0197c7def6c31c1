"""A linter for PowerMTA 5.0 configuration files.

It knows the directives of the User's Guide (`directives.json`) and the rules E1-E20, W1-W11, and
nothing of whoever wrote the file: it is the second opinion on our own generator, and useful on any
file. `lint(text)` returns findings; nothing that has an error may be served.
"""

from .findings import Finding
from .grammar import Block, Directive, parse
from .rules import lint

__all__ = ["Block", "Directive", "Finding", "lint", "parse"]
