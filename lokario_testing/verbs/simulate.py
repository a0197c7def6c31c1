"""Play 42 days of warm-up through the real engine in some minutes."""

HELP = "reference simulator: 42 days of warm-up, 5 IPs, 3 providers, all mail by MailWizz's API; some minutes"
NEEDS = {"python"}


def run(_args):
    from benchmarks import engine_simulator
    from lokario_cli.console import say

    broken = engine_simulator.run()
    for promise in broken:
        say(f"  broken: {promise}")
    say(f"simulator: {len(broken)} broken promises")
    return 1 if broken else 0
