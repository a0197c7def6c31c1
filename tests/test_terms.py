"""The field's words: no term of the left column of `terms.txt` in identifiers, on screens or in the documentation."""

import ast
import re
from pathlib import Path

import polib
import pytest

from lokario_cli.paths import ADDONS, ROOT, SERVER_MODULES

LISTS = Path(__file__).parent / "terms"
PACKAGES = [*ADDONS, *SERVER_MODULES, "lokario_cli"]


def read_list(name: str) -> list[list[str]]:
    """Return the columns of each line; `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in (LISTS / name).read_text().splitlines())
    return [re.split(r"\s+\|\s+", line) for line in lines if line]


TERMS = [(re.compile(rf"\b(?:{old})\b", re.I), new) for old, new in read_list("terms.txt")]
RIGHTFUL = read_list("exceptions.txt")


def wrong_terms(place: str, text: str) -> list[str]:
    """Return what a text says with a term of ours, unless the exceptions allow it there."""
    for where, rightful, _reason in RIGHTFUL:
        if re.match(where, place):
            text = re.sub(rightful, "", text)
    return [f"{place}: {text!r}: not “{found[0]}” but {new}" for term, new in TERMS if (found := term.search(text))]


def identifiers(path):
    """Names that a file gives: classes, functions, arguments, variables, fields, and its own."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def spoken(name: str) -> str:
    """The words of an identifier: `next_look_at` and `NextLookAt` are “next look at”."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).strip().lower()


@pytest.mark.parametrize("package", PACKAGES)
def test_identifiers(package):
    files = [path for path in (ROOT / package).rglob("*.py") if not {"tests", "migrations"} & set(path.parts)]
    assert not [
        wrong
        for path in files
        for name in sorted(set(identifiers(path)))
        for wrong in wrong_terms(str(path.relative_to(ROOT)), spoken(name))
    ]


@pytest.mark.parametrize("addon", ADDONS)
def test_screens(addon):
    terms = polib.pofile(str(ROOT / addon / "i18n" / f"{addon}.pot"))
    assert not [wrong for term in terms for wrong in wrong_terms(addon, term.msgid)]


def test_documentation():
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/readme/*.md")]
    assert not [
        wrong
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for wrong in wrong_terms(f"{path.relative_to(ROOT)}:{number}", line)
    ]
