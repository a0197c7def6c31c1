"""MailWizz merge tags: `[FNAME]`, `[EMAIL]`, `[TAG:filter:ucfirst|urlencode]`.

The tags and filters are those of MailWizz's knowledge base (campaign tags; filters are applied from
left to right). They are translated to syntax-tree nodes before rendering, so what a recipient's data
contains is never read again as a tag.
"""

import re
from urllib.parse import quote, quote_plus

from jinja2 import nodes, pass_context
from markupsafe import Markup, escape

from .policy import Refused

# Not `<![ENDIF]-->`, which is a comment of Outlook's.
TAG = re.compile(r"(?<!<!)(?<!<!--)\[([A-Z][A-Z0-9_]{0,63})((?::filter:[a-z|]+)?)\]")
# Tags of MailWizz's that ask it for something, or filters that are not known here.
_UNKNOWN = re.compile(
    r"\[(?:[A-Z][A-Z0-9_]*:filter:[^\]\n]*"
    r"|(?:RANDOM_CONTENT|REMOTE_CONTENT|SURVEY|DATETIME|DATE|(?:XML|JSON)_FEED_(?:BEGIN|END))\b[^\]\n]*)\]"
)

# tag -> name of the variable that carries it
VARIABLES = {
    "EMAIL": "email",
    "EMAIL_NAME": "email_name",
    "EMAIL_DOMAIN": "email_domain",
    "LIST_FROM_EMAIL": "from_email",
    "CAMPAIGN_FROM_EMAIL": "from_email",
    "CAMPAIGN_TYPE": "campaign_type",
    "FNAME": "first_name",
    "LNAME": "last_name",
    "UNSUBSCRIBE_URL": "unsubscribe_url",
    "DIRECT_UNSUBSCRIBE_URL": "unsubscribe_url",
    "UPDATE_PROFILE_URL": "preferences_url",
    "WEB_VERSION_URL": "web_version_url",
    "CAMPAIGN_URL": "web_version_url",
    "COMPANY_FULL_ADDRESS": "company_full_address",
    "COMPANY_NAME": "company_name",
    "COMPANY_ADDRESS_1": "company_address_1",
    "COMPANY_ADDRESS_2": "company_address_2",
    "COMPANY_CITY": "company_city",
    "COMPANY_ZONE": "company_zone",
    "COMPANY_ZIP": "company_zip",
    "COMPANY_COUNTRY": "company_country",
    "COMPANY_PHONE": "company_phone",
    "COMPANY_WEBSITE": "company_website",
    "LIST_NAME": "list_name",
    "LIST_DESCRIPTION": "list_name",
    "LIST_SUBJECT": "campaign_subject",
    "LIST_REPLY_TO": "reply_to",
    "CAMPAIGN_NAME": "campaign_name",
    "LIST_FROM_NAME": "from_name",
    "CAMPAIGN_SUBJECT": "campaign_subject",
    "CAMPAIGN_FROM_NAME": "from_name",
    "CAMPAIGN_TO_NAME": "to_name",
    "CAMPAIGN_REPLY_TO": "reply_to",
    "CAMPAIGN_UID": "campaign_uid",
    "SUBSCRIBER_UID": "subscriber_uid",
    "LIST_UID": "list_uid",
    "CURRENT_YEAR": "current_year",
    "CURRENT_MONTH": "current_month",
    "CURRENT_DAY": "current_day",
    "CURRENT_DATE": "current_date",
}
# tag -> (variable of the address, words) of a whole link
LINKS = {
    "UNSUBSCRIBE_LINK": ("unsubscribe_url", "Se désinscrire / Unsubscribe"),
    "DIRECT_UNSUBSCRIBE_LINK": ("unsubscribe_url", "Se désinscrire / Unsubscribe"),
    "UPDATE_PROFILE_LINK": ("preferences_url", "Mes préférences / My preferences"),
    "WEB_VERSION_LINK": ("web_version_url", "Version en ligne / Web version"),
}

FILTERS = {
    "lowercase": str.lower,
    "uppercase": str.upper,
    "ucfirst": lambda text: text[:1].upper() + text[1:],
    "ucwords": lambda text: re.sub(r"(^|\s)(\S)", lambda found: found[1] + found[2].upper(), text),
    "trim": str.strip,
    "reverse": lambda text: text[::-1],
    "urlencode": quote_plus,
    "rawurlencode": lambda text: quote(text, safe="~"),
    "htmlencode": lambda text: str(escape(text)),
}


def parse_filters(text):
    """`":filter:trim|ucfirst"` -> `("trim", "ucfirst")`; None when one of them is unknown."""
    names = tuple(text[len(":filter:") :].split("|")) if text else ()
    return names if all(name in FILTERS for name in names) else None


def translate(tree):
    """Replace the tags in the literal text of a parsed template by merge-tag expressions."""
    for output in tree.find_all(nodes.Output):
        output.nodes = [part for node in output.nodes for part in _split(node)]


def _split(node):
    if not isinstance(node, nodes.TemplateData) or "[" not in node.data:
        return [node]
    parts, position = [], 0
    for found in TAG.finditer(node.data):
        filters = parse_filters(found[2])
        if filters is None:
            raise _refused(found, node)
        if found.start() > position:
            parts.append(nodes.TemplateData(node.data[position : found.start()], lineno=node.lineno))
        arguments = [nodes.Const(filters, lineno=node.lineno)]
        tag = nodes.Const(found[1], lineno=node.lineno)
        parts.append(nodes.Filter(tag, "_merge_tag", arguments, [], None, None, lineno=node.lineno))
        position = found.end()
    if position < len(node.data):
        parts.append(nodes.TemplateData(node.data[position:], lineno=node.lineno))
    for unknown in _UNKNOWN.finditer(node.data):
        if not TAG.fullmatch(unknown[0]):
            raise _refused(unknown, node)
    for part in parts:
        part.environment = node.environment
        for child in part.find_all(nodes.Node):
            child.environment = node.environment
    return parts


def _refused(found, node):
    line = node.lineno + node.data.count("\n", 0, found.start())
    return Refused(f"{found[0]} is not known here; write what it stands for", line, found[0])


def neutralise(text):
    """Break whatever in recipient data looks like a tag, for mail that MailWizz renders again.

    U+2060 WORD JOINER is invisible and keeps MailWizz's pattern from matching.
    """
    return TAG.sub(lambda found: "[\u2060" + found[0][1:], text)


@pass_context
def merge_tag(context, tag, filters):
    """Value of a tag for this recipient; a tag without one is empty and listed, as a variable is."""
    if tag in LINKS:
        return _link(*LINKS[tag], context)
    for name in (VARIABLES.get(tag), tag, tag.lower()):
        value = context.get(name) if name else None
        if value is not None:
            break
    else:
        context.environment.missing.add(VARIABLES.get(tag, tag.lower()))
        return ""
    for name in filters:
        value = FILTERS[name](str(value))
    return _as_is(value, context) if "htmlencode" in filters else value


def _link(name, words, context):
    address = context.get(name)
    if not address:
        context.environment.missing.add(name)
        return ""
    if not context.eval_ctx.autoescape:
        return f"{words}: {address}"
    return Markup('<a href="{}">{}</a>').format(address, words)


def _as_is(text, context):
    """Text of the template's author, or escaped already: not escaped again."""
    return Markup(text) if context.eval_ctx.autoescape else text  # noqa: S704
