"""The same pools and IPs as KumoMTA configuration: sources.toml, shaping.toml, dkim_data.toml.

Sources: KumoMTA's policy-extras.sources, shaping and dkim_sign helpers. `max_burst=1` spreads the
day's allowance instead of burning it at midnight; additional_source_selection_rates counts a source
over all destinations, unlike source_selection_rate (both since 2025.03.19).
"""

import json


def sources_toml(pools):
    """Return sources.toml: every IP as a source, every tenant's pool with equal weights."""
    lines = []
    for pool in sorted(pools, key=lambda pool: pool.name):
        for vmta in sorted(pool.vmtas, key=lambda vmta: vmta.name):
            lines += [
                f"[source.{_key(vmta.name)}]",
                f"source_address = {_text(vmta.address)}",
                f"ehlo_domain = {_text(vmta.hostname)}",
                "",
            ]
        lines.append(f"[pool.{_key(pool.name)}]")
        for vmta in sorted(pool.vmtas, key=lambda vmta: vmta.name):
            lines += [f"  [pool.{_key(pool.name)}.{_key(vmta.name)}]", "  weight = 1"]
        lines.append("")
    return "\n".join(lines)


def shaping_toml(pools, providers):
    """Return shaping.toml: the day's quota of each source, and the limits towards providers."""
    lines = ['["default"]', "connection_limit = 20", ""]
    for vmta in sorted((vmta for pool in pools for vmta in pool.vmtas), key=lambda vmta: vmta.name):
        lines += [
            f'["default".sources.{_key(vmta.name)}]',
            "additional_source_selection_rates = "
            f"{{ {_key(f'day-of-{vmta.name}')} = {_text(f'{vmta.quota}/day,max_burst=1')} }}",
            "",
        ]
    for provider in sorted(providers, key=lambda provider: provider.name):
        for domain in sorted(provider.domains):
            lines += [
                f"[{_key(domain)}]",
                "mx_rollup = false",
                f"connection_limit = {provider.max_smtp_out}",
            ]
            if provider.max_msg_per_connection:  # 0 is PowerMTA's word for no limit
                lines.append(f"max_deliveries_per_connection = {provider.max_msg_per_connection}")
            lines.append("")
            for vmta, rate in _throttled(pools, provider.name):
                lines += [f"[{_key(domain)}.sources.{_key(vmta)}]", f"max_message_rate = {_text(f'{rate}/hour')}", ""]
    return "\n".join(lines)


def _throttled(pools, provider):
    """Yield (source, mails an hour) of those that send less to the provider for now."""
    for vmta in sorted((vmta for pool in pools for vmta in pool.vmtas), key=lambda vmta: vmta.name):
        for name, rate in vmta.throttles:
            if name == provider:
                yield vmta.name, rate


def dkim_toml(pools):
    """Return dkim_data.toml: which key signs for which domain."""
    keys = {(key.domain, key.selector): key.path for pool in pools for vmta in pool.vmtas for key in vmta.keys}
    lines, done = [], set()
    for (domain, selector), path in sorted(keys.items()):
        if domain not in done:  # one signature a domain: its first selector
            done.add(domain)
            lines += [
                f"[domain.{_key(domain)}]",
                f"selector = {_text(selector)}",
                f"filename = {_text(path)}",
                'algo = "sha256"',
                "",
            ]
    return "\n".join(lines)


def _text(value):
    return json.dumps(value, ensure_ascii=True)


_key = _text
