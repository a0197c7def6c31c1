"""Whether a directive's value has the kind the guide gives it: E7-E10, E17, E18."""

import ipaddress
import re
from urllib.parse import urlsplit

from .findings import error
from .findings import translatable as _

BOOLEAN = re.compile(r"yes|no|true|false", re.I)
TIME = re.compile(r"0|(\d+[wdhms])+", re.I)
SIZE = re.compile(r"0|unlimited|\d+[bkmgt]", re.I)
INT = re.compile(r"\d+|unlimited|auto", re.I)
UNIT = r"(\d*)(d|day|h|hr|m|min|s|sec)"
RATE = re.compile(rf"(\d+)/{UNIT}", re.I)
VOLUME_RATE = re.compile(rf"(\d+)[bkmgt]?/{UNIT}", re.I)
SHORT_NETWORK = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})/(\d{1,2})")  # 10/8, 173.194/16
HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*"
)
API_KEY = re.compile(r"[A-Za-z0-9_]{32,128}")
HTTP_ACCESS = re.compile(r"none|monitor(,deny-logs)?|operator|admin", re.I)
MAX_RETRIES = 30
MAX_PORT = 65535
PORT = _("%(directive)s: a port from 0 to 65535 expected, found %(found)s")
RECORD_TYPES = (
    *("d", "b", "t", "tq", "r", "f", "rb", "rs", "delivery", "bounce", "transient", "transient-queue", "receipt"),
    *("feedback-loop", "remote-bounce", "remote-status"),
)


def check_value(directive, fact):
    """Return the findings about one directive's value, given its fact (type, flags)."""
    value, line = directive.value, directive.line
    quotes = value.count('"') - value.count('\\"')
    if quotes % 2 and not value.startswith("/"):
        return [error(line, "E10", _("%(directive)s: a quote is not closed"), directive=directive.keyword)]
    if not value:
        return [error(line, "E10", _("%(directive)s: argument missing"), directive=directive.keyword)]
    if value == '""':
        if fact.get("empty_string_clears"):
            return []
        return [error(line, "E10", _('%(directive)s: "" is no value here'), directive=directive.keyword)]
    check = CHECKS.get(fact["type"]) or _check_by_prefix(fact["type"])
    return check(directive) if check else []


def is_ip(text):
    if short := SHORT_NETWORK.fullmatch(text):
        text = f"{short[1]}{'.0' * (3 - short[1].count('.'))}/{short[2]}"
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_any_network(text):
    """Tell whether a source pattern covers every address, or more than any one network has: 0/0, ::/0, 128.0.0.0/1."""
    text = text.partition(",")[0]
    if text == "0/0":
        return True
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return network.prefixlen < (8 if network.version == 4 else 16)


def _refuse(directive, code, text):
    return [error(directive.line, code, text, directive=directive.keyword, found=directive.value)]


def _fits(pattern, code, text):
    def check(directive):
        return [] if pattern.fullmatch(directive.value) else _refuse(directive, code, text)

    return check


def _is_rate(text, pattern=RATE):
    if text.lower() in ("unlimited", "0"):
        return True
    match = pattern.fullmatch(text)
    return bool(match) and int(match[1]) != 0 and match[2] != "0"


def _rate(directive, pattern=RATE):
    if _is_rate(directive.value, pattern):
        return []
    return _refuse(directive, "E9", _("%(directive)s: rate N/[M]d|h|m|s with N above 0 expected, found %(found)s"))


def _volume_rate(directive):
    return _rate(directive, VOLUME_RATE)


def _daily_rates(directive):
    parts = [part.strip() for part in directive.value.split(",")]
    if all(re.fullmatch(r"\d+/(d|day)", part, re.I) for part in parts):
        return []
    return _refuse(directive, "E9", _("%(directive)s: N/day[,N/day…] expected, found %(found)s"))


def _times(directive):
    parts = [part.strip() for part in directive.value.split(",")]
    if all(TIME.fullmatch(part) for part in parts) and len(parts) <= MAX_RETRIES:
        return []
    return _refuse(directive, "E10", _("%(directive)s: at most 30 times such as 10m,1h expected"))


def _port(directive):
    if directive.value.isdigit() and int(directive.value) <= MAX_PORT:
        return []
    return _refuse(directive, "E10", PORT)


def _listener(directive):
    port = re.search(r":(\d+)$", (directive.args or [""])[0])
    return _refuse(directive, "E10", PORT) if port and int(port[1]) > MAX_PORT else []


def _records(directive):
    unknown = [kind for kind in re.split(r"\s*,\s*", directive.value.strip()) if kind.lower() not in RECORD_TYPES]
    return (
        _refuse(directive, "E11", _("%(directive)s: d,b,t,tq,r,f,rb,rs expected, found %(found)s")) if unknown else []
    )


def _record_fields(directive):
    return [] if directive.args[0].lower() in RECORD_TYPES else _records(directive)


def _source_host(directive):
    words = directive.args
    if len(words) == 2 and is_ip(words[0]) and HOST.fullmatch(words[1]) and not is_ip(words[1]):
        return []
    return _refuse(directive, "E7", _("%(directive)s: IP HOST expected, found %(found)s"))


def _domain_key(directive):
    parts = [part.strip() for part in directive.value.split(",")]
    if len(parts) == 3 and all(parts):
        return []
    return _refuse(directive, "E8", _("%(directive)s: SELECTOR, DOMAIN, FILE expected, found %(found)s"))


def _url(directive):
    if not re.match(r"https?://", directive.value.strip('"'), re.I):
        return []
    try:
        parts = urlsplit(directive.value.strip('"'))
        bad = "@" in parts.netloc or parts.query or parts.fragment or "?" in directive.value or not parts.hostname
    except ValueError:
        bad = True
    if not bad:
        return []
    return _refuse(directive, "E17", _("%(directive)s: the URL may have no user, query or fragment"))


def _webhook_url(directive):
    if not re.match(r"https?://", directive.value.strip('"'), re.I):
        return _refuse(directive, "E17", _("%(directive)s: an http(s) URL is expected"))
    return _url(directive)


def _api_key(directive):
    if API_KEY.fullmatch(directive.value):
        return []
    return _refuse(directive, "E18", _("%(directive)s: 32 to 128 of A-Z a-z 0-9 _ expected"))


def _network_and(valid, code, text):
    def check(directive):
        words = directive.args
        if len(words) == 2 and (is_ip(words[0]) or is_any_network(words[0])) and valid(words[1]):
            return []
        return _refuse(directive, code, text)

    return check


def _name_and_number(directive):
    words = directive.args
    if len(words) == 2 and INT.fullmatch(words[1]):
        return []
    return _refuse(directive, "E10", _("%(directive)s: NAME NUMBER expected, found %(found)s"))


def _signals_rule(directive):
    words = directive.args
    if len(words) == 2 and re.fullmatch(r"enable-signals(,subaccount=\d+)?|disable-signals", words[1], re.I):
        return []
    return _refuse(
        directive, "E10", _("%(directive)s: DOMAIN enable-signals[,subaccount=N] or disable-signals expected")
    )


def _check_by_prefix(kind):
    if not kind.startswith("enum:"):
        return None
    words = kind.removeprefix("enum:").split("|")

    def check(directive):
        if directive.args and directive.args[0].lower() in words:
            return []
        text = _("%(directive)s: one of %(words)s expected")
        return [error(directive.line, "E10", text, directive=directive.keyword, words=", ".join(words))]

    return check


YES_OR_NO = _("%(directive)s: yes or no expected, found %(found)s")
NUMBER = _("%(directive)s: a number expected, found %(found)s")
CHECKS = {
    "bool": _fits(BOOLEAN, "E10", YES_OR_NO),
    "bool|if-x-dkim-options-present": _fits(
        re.compile(BOOLEAN.pattern + "|if-x-dkim-options-present", re.I), "E10", YES_OR_NO
    ),
    "bool|time|never": _fits(
        re.compile(f"{BOOLEAN.pattern}|never|{TIME.pattern}", re.I),
        "E10",
        _("%(directive)s: yes, no or a time expected, found %(found)s"),
    ),
    "time": _fits(TIME, "E10", _("%(directive)s: a time such as 1h30m expected, found %(found)s")),
    "time|never": _fits(
        re.compile(f"never|{TIME.pattern}", re.I), "E10", _("%(directive)s: a time or never expected, found %(found)s")
    ),
    "time-list": _times,
    "size": _fits(SIZE, "E10", _("%(directive)s: a size such as 10M expected, found %(found)s")),
    "size|int": _fits(
        re.compile(rf"{SIZE.pattern}|\d+", re.I),
        "E10",
        _("%(directive)s: a size such as 10M expected, found %(found)s"),
    ),
    "name+int": _name_and_number,
    "domain-pattern signals": _signals_rule,
    "int": _fits(INT, "E10", NUMBER),
    "port": _port,
    "cidr:port [source=name]": _listener,
    "list of d,b,t,tq,r,f,rb,rs (or long names); once per acct-file": _records,
    "record-type field-list (*, !field, header_X, arf_X)": _record_fields,
    "int|unlimited": _fits(INT, "E10", NUMBER),
    "rate": _rate,
    "volume-rate": _volume_rate,
    "daily-rate-list": _daily_rates,
    "cidr+int": _network_and(
        lambda text: bool(INT.fullmatch(text)), "E10", _("%(directive)s: CIDR NUMBER expected, found %(found)s")
    ),
    "cidr+rate": _network_and(
        lambda text: _is_rate(text) or _is_rate(text, VOLUME_RATE),
        "E9",
        _("%(directive)s: CIDR RATE expected, found %(found)s"),
    ),
    "ip|cidr host": _source_host,
    "selector,domain|*,file|{vault}:path:key": _domain_key,
    "file or http(s) URL without query/userinfo/fragment": _url,
    "token [A-Za-z0-9_]{32,128}": _api_key,
    "cidr none|monitor[,deny-logs]|operator|admin": _network_and(
        lambda text: bool(HTTP_ACCESS.fullmatch(text)),
        "E10",
        _("%(directive)s: CIDR none|monitor|operator|admin expected, found %(found)s"),
    ),
}
WEBHOOK_URLS = ("http-webhook-url",)


def check_webhook_url(directive):
    return _webhook_url(directive) if directive.keyword in WEBHOOK_URLS else []
