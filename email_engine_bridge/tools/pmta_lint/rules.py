"""The rules that need more than one line: names, references, scopes, dangers."""

import re
from collections import defaultdict

from .findings import error, warning
from .findings import translatable as _
from .grammar import FACTS, PATTERN_BLOCKS, parse
from .patterns import check_mx, check_pattern_list, check_reply, pattern_targets
from .values import check_value, check_webhook_url, is_any_network, is_ip

REROUTES = (
    "default-virtual-mta",
    "cold-virtual-mta",
    "reroute-to-virtual-mta",
    "backoff-reroute-to-virtual-mta",
    "invalid-virtual-mta-fallback",
)
BY_LOCAL_ADDRESS = "by-smtp-source-ip"  # documented in the place of a VMTA's name
# directive: the blocks its value, one name or several, must name
NAMES = {
    "smtp-pattern-list": "smtp-pattern-list",
    "rewrite-list": "rewrite-list",
    "suppression-lists": "address-list",
    "source-group": "source-group",
    "source": "source",
    "use-proxy": "proxy",
    "enable-signals": "signals-filter",
}
ALSO_NAMED = {"address-list": ("address-list", "suppression-list")}
NO_NAMES = {"enable-signals": re.compile(r"yes|no|true|false|subaccount=\d+", re.I)}
UNLIMITED = ("rate", "volume-rate")  # kinds of values of which 0 is the same as unlimited
DIRECTIVES, LEGACY = FACTS["directives"], frozenset(FACTS["legacy"])


def lint(text):
    """Return the findings about a configuration file, in the order of its lines."""
    root, findings = parse(text)
    findings += _lines(root)
    for rule in (
        _names,
        _source_names,
        _references,
        _sources,
        _accounting,
        _macros,
        _relaying,
        _keys,
        _cold,
        _required,
    ):
        findings += rule(root)
    return sorted(set(findings))


def _lines(root):
    """E1, W6, W10 and the kinds of the values, line by line."""
    findings = []
    for block, _parent in root.walk():
        if block.tag in PATTERN_BLOCKS:
            findings += check_pattern_list(block)
            continue
        for directive in block.directives():
            findings += _line(block, directive)
        findings += _repeated_domains(block)
    return findings


def _line(block, directive):
    line, name = directive.line, directive.keyword
    scopes = DIRECTIVES.get(name)
    if scopes is None:
        if name in LEGACY:
            return [warning(line, "W10", _("%(directive)s is not in the 5.0 guide"), directive=name)]
        return [error(line, "E1", _("unknown directive %(directive)s"), directive=name)]
    fact = scopes.get(block.tag)
    if fact is None:
        return [_misplaced(block, directive, scopes)]
    findings = check_value(directive, fact) or check_webhook_url(directive)
    if fact.get("deprecated") is True or (fact.get("deprecated") == "number" and directive.value.isdigit()):
        findings.append(warning(line, "W6", _("%(directive)s is deprecated"), directive=name))
    if fact["type"] in UNLIMITED and directive.value == "0":
        text = _("%(directive)s 0 means unlimited: it stops nothing")
        findings.append(warning(line, "W11", text, directive=name))
    if name == "reply":
        findings += check_reply(directive)
    if name == "mx":
        findings += check_mx(directive)
    return findings


def _misplaced(block, directive, scopes):
    """E1: a directive that belongs elsewhere."""
    allowed = ", ".join(sorted(scopes))
    if block.tag == "Global":
        text = _("%(directive)s is not allowed at the top of the file (only in %(allowed)s)")
    else:
        text = _("%(directive)s is not allowed in <%(block)s> (only in %(allowed)s)")
    values = {"directive": directive.keyword, "allowed": allowed, "block": block.tag}
    return error(directive.line, "E1", text, **values)


def _repeated_domains(block):
    seen, findings = {}, []
    for domain in block.blocks("domain"):
        first = seen.setdefault(domain.name.lower(), domain.line)
        if first != domain.line:
            text = _("<domain %(name)s> is already in line %(first)s")
            findings.append(warning(domain.line, "W5", text, name=domain.name, first=first))
    return findings


def _source_names(root):
    """E10: a source is an address, a network or a name of one's own."""
    text = _("<source %(name)s> is no address or network")
    return [
        error(block.line, "E10", text, name=block.name)
        for block in root.blocks("source")
        if re.fullmatch(r"[0-9./]+", block.name) and not is_ip(block.name) and not is_any_network(block.name)
    ]


def _names(root):
    """E4: VMTAs and pools share one namespace."""
    seen, findings = {}, []
    for block in root.blocks("virtual-mta", "virtual-mta-pool"):
        first = seen.setdefault(block.name.lower(), block.line)
        if first != block.line:
            text = _("the name %(name)s is already used in line %(first)s")
            findings.append(error(block.line, "E4", text, name=block.name, first=first))
    return findings


def _references(root):
    """E5: whatever is named must exist; E12: pattern lists before the source that uses them."""
    if root.directives("include"):
        return []  # the names may be defined in the included file
    vmtas = {block.name.lower() for block in root.blocks("virtual-mta")}
    targets = vmtas | {block.name.lower() for block in root.blocks("virtual-mta-pool")}
    lists = {block.name.lower(): block.line for block in root.blocks("pattern-list")}
    findings = _undefined_names(root)
    for block, _parent in root.walk():
        used = [
            (item.line, item.keyword, item.value)
            for item in block.directives(*REROUTES)
            if item.value != '""' and item.value.lower() != BY_LOCAL_ADDRESS
        ]
        if block.tag == "pattern-list":
            used += [(line, "pattern-list", name) for line, name in pattern_targets(block)]
            calls = pattern_targets(block, r"call-to:\s*")
            findings += [_undefined(line, "call-to", name) for line, name in calls if name.lower() not in lists]
        findings += [_undefined(*use) for use in used if use[2].lower() not in targets]
        if block.tag == "virtual-mta-pool":
            members = [(item.line, f"pool {block.name}", item.value) for item in block.directives("virtual-mta")]
            findings += [_undefined(*member) for member in members if member[2].lower() not in vmtas]
        if block.tag == "source":
            findings += _late_lists(block, lists)
    return findings


def _undefined_names(root):
    defined = {
        (tag, block.name.lower()) for tag in NAMES.values() for block in root.blocks(*ALSO_NAMED.get(tag, (tag,)))
    }
    return [
        _undefined(item.line, item.keyword, name)
        for block, _parent in root.walk()
        if block.tag not in PATTERN_BLOCKS
        for item in block.directives(*NAMES)
        for name in re.split(r"[\s,]+", item.value.strip('"'))
        if name
        and not (item.keyword in NO_NAMES and NO_NAMES[item.keyword].fullmatch(name))
        and (NAMES[item.keyword], name.lower()) not in defined
    ]


def _late_lists(source, lists):
    text = _("pattern-list %(name)s must be defined before the source that uses it")
    return [
        error(used.line, "E12", text, name=used.value)
        for used in source.directives("pattern-list")
        if lists.get(used.value.lower(), used.line + 1) > used.line
    ]


def _undefined(line, who, name):
    return error(line, "E5", _("%(who)s: %(name)s is not defined"), who=who, name=name)


def _sources(root):
    """E6, E19, E20, W2: which IPs a VMTA sends from, and who shares them."""
    findings, pools = _memberships(root)
    by_ip = defaultdict(list)
    for block, _parent in root.walk():
        for source in block.directives("smtp-source-host"):
            address = (source.args or [""])[0]
            if address == "127.0.0.1":
                findings.append(error(source.line, "E19", _("smtp-source-host 127.0.0.1 is ignored by PowerMTA")))
            elif is_ip(address) and block.tag == "virtual-mta":
                by_ip[address].append((source.line, block.name))
    for address, uses in by_ip.items():
        findings += _shared_address(address, uses, pools)
    for vmta in root.blocks("virtual-mta"):
        sends = not any(domain.directives("queue-to") for domain in vmta.blocks("domain"))
        if sends and not vmta.directives("smtp-source-host", "smtp-proxy-source-host", "include"):
            text = _("virtual-mta %(name)s has no smtp-source-host: it would use the IPs of all")
            findings.append(warning(vmta.line, "W2", text, name=vmta.name))
    return findings


def _memberships(root):
    """Return (findings of E6, {VMTA: names of its pools})."""
    findings, pools, pool_with_domains = [], defaultdict(set), {}
    for pool in root.blocks("virtual-mta-pool"):
        has_domains = bool(pool.blocks("domain"))
        for member in pool.directives("virtual-mta"):
            vmta = member.value.lower()
            pools[vmta].add(pool.name)
            other = pool_with_domains.get(vmta) if has_domains else None
            if other:
                text = _("%(name)s is also in pool %(other)s, and both pools contain <domain>")
                findings.append(error(member.line, "E6", text, name=member.value, other=other))
            if has_domains:
                pool_with_domains.setdefault(vmta, pool.name)
    return findings, pools


def _shared_address(address, uses, pools):
    """E20: one IP in VMTAs of two tenants, that is, of VMTAs that have no pool in common."""
    (_line, first), *others = uses
    text = _("%(address)s is used by %(first)s and by %(name)s, which share no pool")
    return [
        error(line, "E20", text, address=address, first=first, name=name)
        for line, name in others
        if name.lower() != first.lower() and not pools[name.lower()] & pools[first.lower()]
    ]


def _accounting(root):
    """E11 and W9: accounting files."""
    findings = []
    for acct in root.blocks("acct-file"):
        records = acct.directives("records")
        text = _("records may stand only once in an acct-file")
        findings += [error(extra.line, "E11", text) for extra in records[1:]]
        kinds = {kind.strip().lower() for record in records for kind in record.value.split(",")}
        if kinds & {"t", "tq", "transient", "transient-queue"} and kinds & {"d", "b", "delivery", "bounce"}:
            findings.append(warning(records[0].line, "W9", _("transient records belong in a file of their own")))
    return findings


def _macros(root):
    """E16: domain macros are defined and do not refer to themselves."""
    macros, findings, undefined = {}, [], _("macro %(name)s is not defined")
    for macro in root.directives("domain-macro"):
        name, _space, members = macro.value.partition(" ")
        macros[name.lower()] = (macro.line, re.findall(r"\$([A-Za-z0-9_]+)", members.lower()))
    for name, (line, used) in macros.items():
        for other in used:
            if other not in macros:
                findings.append(error(line, "E16", undefined, name=f"${other}"))
        if _reaches(macros, name, name, set()):
            findings.append(error(line, "E16", _("macro %(name)s refers to itself"), name=f"${name}"))
    for block, _parent in root.walk():
        named = re.findall(r"\$([A-Za-z0-9_]+)", block.name) if block.tag == "domain" else ()
        findings += [
            error(block.line, "E16", undefined, name=f"${name}") for name in named if name.lower() not in macros
        ]
    return findings


def _reaches(macros, start, goal, seen):
    for other in macros.get(start, (0, ()))[1]:
        if other == goal:
            return True
        if other not in seen:
            seen.add(other)
            if _reaches(macros, other, goal, seen):
                return True
    return False


def _relaying(root):
    """W3 and W4, which are errors for us: open relays and open administration."""
    findings = []
    for block in [root, *root.blocks("source")]:
        if (block is root or is_any_network(block.name)) and not _asks_password(block):
            for relaying in block.directives("always-allow-relaying"):
                if relaying.value.lower() in ("yes", "true"):
                    findings.append(error(relaying.line, "W3", _("this is an open relay for everybody")))
    for access in root.directives("http-access"):
        words = access.args
        if len(words) == 2 and is_any_network(words[0]) and words[1].lower() == "admin":
            findings.append(error(access.line, "W4", _("everybody may administer this server")))
    return findings


def _asks_password(block):
    return any(item.value.lower() in ("yes", "true") for item in block.directives("require-auth"))


def _keys(root):
    """W7 and W8: DKIM keys that cannot be read or are never used."""
    findings = []
    unprivileged = any(item.value.lower() in ("no", "false") for item in root.directives("run-as-root"))
    signs = {
        id(parent)
        for block, parent in root.walk()
        if block.tag == "domain"
        and any(item.value.lower() not in ("no", "false") for item in block.directives("dkim-sign"))
    }
    pool_signs = any(id(pool) in signs for pool in root.blocks("virtual-mta-pool"))
    for block, _parent in root.walk():
        for key in block.directives("domain-key"):
            path = key.value.rpartition(",")[2].strip().strip('"')
            if unprivileged and path.startswith("/root/"):
                text = _("%(path)s cannot be read with run-as-root no")
                findings.append(warning(key.line, "W7", text, path=path))
            if not (id(root) in signs or id(block) in signs or pool_signs or (block is root and signs)):
                findings.append(warning(key.line, "W8", _("no <domain> with dkim-sign yes applies to this key")))
    return findings


def _cold(root):
    """W1: max-cold-virtual-mta-msg does nothing without cold-virtual-mta."""
    any_cold = any(block.directives("cold-virtual-mta") for block, _parent in root.walk())
    findings = []
    for block, parent in root.walk():
        for limit in block.directives("max-cold-virtual-mta-msg"):
            holder = parent if parent is not None and parent.tag != "Global" else None
            if not (holder.directives("cold-virtual-mta") if holder else any_cold):
                text = _("max-cold-virtual-mta-msg has no effect without cold-virtual-mta, and is no quota of an IP")
                findings.append(warning(limit.line, "W1", text))
    return findings


def _required(root):
    """E14: a log file and a spool."""
    if root.directives("include"):
        return []
    findings = []
    if not root.directives("log-file"):
        findings.append(error(1, "E14", _("log-file is missing")))
    if not root.blocks("spool") and not root.directives("spool"):
        findings.append(error(1, "E14", _("a spool is missing")))
    return findings
