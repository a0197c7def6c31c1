"""Values for templates as lines that a person edits: `city: Lyon`."""

import json


class WrongLine(ValueError):
    """A line without a name and a colon; the text is the line."""


def write_lines(values: dict) -> str:
    return "\n".join(f"{name}: {_shown(value)}" for name, value in values.items())


def read_lines(text: str, former: dict) -> dict:
    """The values of the lines; what was not changed keeps its kind (a number, a list). Raises WrongLine."""
    values = {}
    for line in filter(str.strip, text.splitlines()):
        known = [name for name in former if line.startswith(f"{name}:")]  # a name may have a colon itself
        name = max(known, key=len, default=line.partition(":")[0].strip())
        if not name or ":" not in line:
            raise WrongLine(line.strip())
        value = line.partition(":")[2] if not known else line[len(name) + 1 :]
        unchanged = name in former and _shown(former[name]) == value.strip()
        values[name] = former[name] if unchanged else value.strip()
    return values


def _shown(value) -> str:
    plain = isinstance(value, str) and value == value.strip() and len(value.splitlines()) < 2
    return value if plain else json.dumps(value, ensure_ascii=False)
