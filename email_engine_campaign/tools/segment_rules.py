"""The rules of a segment as SQL: constants with named parameters, so that no value is ever part of a statement."""

import re
from typing import NamedTuple

PEOPLE = {"email", "first_name", "last_name", "domain", "attribute", "consent"}  # compared with a value
MOMENTS = {"created", "consented", "received", "opened", "clicked"}  # compared with days
BY_VALUE = {"is", "is_not", "contains", "above", "below", "set", "unset"}
BY_DAYS = {"within", "not_within"}
WITHOUT_VALUE = {"set", "unset"}
CONSENTS = {"given", "unknown", "withdrawn"}
ORDERABLE = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,15})?|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")  # NUMBER or DATE below

# `c` is the contact; {key}, {value} and {days} are the parameters of the rule.
VALUES = {
    "email": "c.email",
    "domain": "split_part(c.email, '@', 2)",
    "first_name": "coalesce(c.first_name, '')",
    "last_name": "coalesce(c.last_name, '')",
    "attribute": "coalesce(c.attributes ->> {key}, '')",
    "consent": "c.consent",
}
NUMBER = r"'^-?[0-9]{{1,15}}([.,][0-9]{{1,15}})?$'"
DATE = r"'^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"
# Numbers with numbers, ISO dates with ISO dates; whatever else is neither above nor below.
ORDERED = (
    f"CASE WHEN {{given}} ~ {NUMBER} AND {{value}} ~ {NUMBER}"
    " THEN replace({given}, ',', '.')::numeric {sign} replace({value}, ',', '.')::numeric"
    f" WHEN {{given}} ~ {DATE} AND {{value}} ~ {DATE} THEN left({{given}}, 10) {{sign}} left({{value}}, 10)"
    " ELSE false END"
)
COMPARISONS = {
    "is": "lower({given}) = lower({value})",
    "is_not": "lower({given}) <> lower({value})",
    "contains": "position(lower({value}) IN lower({given})) > 0",
    "set": "{given} <> ''",
    "unset": "{given} = ''",
    "above": ORDERED.replace("{sign}", ">"),
    "below": ORDERED.replace("{sign}", "<"),
}
AGE = "{moment} >= now() AT TIME ZONE 'UTC' - {days} * interval '1 day'"
IN_JOURNAL = "EXISTS (SELECT FROM engine_campaign_recipient j WHERE j.contact_id = c.id AND {age})"
MOMENT_COLUMNS = {
    "created": (AGE, "c.create_date"),
    "consented": (f"(c.consent = 'given' AND {AGE})", "c.consent_at"),
    "received": (IN_JOURNAL, "j.handed_at"),
    "opened": (IN_JOURNAL, "j.opened_at"),
    "clicked": (IN_JOURNAL, "j.clicked_at"),
}


class Rule(NamedTuple):
    """subject and operator: of the constants above; key: an attribute's name."""

    subject: str
    operator: str
    key: str = ""
    value: str = ""
    days: int = 0


def find_problem(rule: Rule) -> str | None:
    """What is wrong with a rule: "operator", "key", "value", "order", "consent", "days", or None."""
    if rule.operator not in (BY_VALUE if rule.subject in PEOPLE else BY_DAYS):
        return "operator"
    if rule.subject == "attribute" and not rule.key:
        return "key"
    if rule.operator in BY_DAYS:
        return None if 0 < rule.days <= 36_500 else "days"
    return None if rule.operator in WITHOUT_VALUE else _find_problem_of_value(rule)


def _find_problem_of_value(rule):
    if not rule.value:
        return "value"
    if rule.operator in {"above", "below"} and not ORDERABLE.fullmatch(rule.value):
        return "order"
    return "consent" if rule.subject == "consent" and rule.value.lower() not in CONSENTS else None


def compile_rules(rules, match_all: bool, prefix: str = "rule"):
    """(SQL condition on the contact `c`, its parameters); without a rule it is true of no contact.

    :param prefix: of the parameters' names, so that several conditions fit into one statement
    """
    conditions, values = [], {}
    for number, rule in enumerate(rules):
        name = f"{prefix}_{number}"
        given = {part: f"{name}_{part}" for part in ("key", "value", "days")}
        values |= {given["key"]: rule.key, given["value"]: rule.value, given["days"]: rule.days}
        conditions.append(_condition(rule, {part: f"%({one})s" for part, one in given.items()}))
    return (" AND " if match_all else " OR ").join(conditions) or "false", values


def _condition(rule, named):
    if rule.subject in PEOPLE:
        given = VALUES[rule.subject].format(**named)
        return f"({COMPARISONS[rule.operator].format(given=given, **named)})"
    frame, moment = MOMENT_COLUMNS[rule.subject]
    age = AGE.format(moment=moment, **named)
    condition = frame.format(age=age, moment=moment, **named)
    return condition if rule.operator == "within" else f"({condition}) IS NOT TRUE"
