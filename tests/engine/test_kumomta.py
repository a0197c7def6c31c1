"""KumoMTA's TOML files: equal to the golden ones byte for byte, and what a TOML parser reads in them."""

import random
import tomllib
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def tools():
    """Import the addon's pure tools without Odoo's registry."""
    from benchmarks.engine_environment import make_importable

    make_importable()
    from odoo.addons.email_engine_bridge.tools import kumomta, pmta_config

    return kumomta, pmta_config


KUMOMTA, CONFIG = tools()
SOS = CONFIG.DkimKey("default", "mail1.sos-mail.com", "/etc/pmta/dkim/mail1.sos-mail.com.default.pem")
NEXT = CONFIG.DkimKey("s2", "mail1.sos-mail.com", "/etc/pmta/dkim/mail1.sos-mail.com.s2.pem")
ULIXAI = CONFIG.DkimKey("default", "news1.ulixai-mail.com", "/etc/pmta/dkim/news1.ulixai-mail.com.default.pem")
POOLS = [
    CONFIG.Pool(
        "sos-expat-pool",
        (
            CONFIG.VirtualMta("sos-expat-45.123.10.1", "45.123.10.1", "mail1.sos-mail.com", 50, (SOS, NEXT)),
            CONFIG.VirtualMta("sos-expat-45.123.10.2", "45.123.10.2", "mail2.sos-mail.com", 200, (SOS, NEXT)),
        ),
    ),
    CONFIG.Pool(
        "ulixai-pool",
        (CONFIG.VirtualMta("ulixai-2001-db8--20", "2001:db8::20", "news1.ulixai-mail.com", 10000, (ULIXAI,)),),
    ),
]
PROVIDERS = [
    CONFIG.Provider("yahoo", ("yahoo.com", "aol.com"), max_smtp_out=5, max_msg_per_connection=20),
    CONFIG.Provider("gmail", ("gmail.com",), max_smtp_out=10, max_msg_per_connection=0),
]


def files(pools, providers):
    return {
        "sources.toml": KUMOMTA.sources_toml(pools),
        "shaping.toml": KUMOMTA.shaping_toml(pools, providers),
        "dkim_data.toml": KUMOMTA.dkim_toml(pools),
    }


@pytest.mark.parametrize("name", ["sources.toml", "shaping.toml", "dkim_data.toml"])
def test_equal_data_give_the_golden_bytes(name):
    dice = random.Random(7)
    for _round in range(20):
        pools, providers = dice.sample(POOLS, 2), dice.sample(PROVIDERS, 2)
        assert files(pools, providers)[name] == (GOLDEN / name).read_text()


def test_a_parser_reads_what_was_meant():
    parsed = {name: tomllib.loads(text) for name, text in files(POOLS, PROVIDERS).items()}
    vmtas = {vmta.name: vmta for pool in POOLS for vmta in pool.vmtas}
    sources = parsed["sources.toml"]
    assert sources["source"] == {
        name: {"source_address": vmta.address, "ehlo_domain": vmta.hostname} for name, vmta in vmtas.items()
    }
    assert sources["pool"] == {pool.name: {vmta.name: {"weight": 1} for vmta in pool.vmtas} for pool in POOLS}
    shaping = parsed["shaping.toml"]
    rates = {name: rules["additional_source_selection_rates"] for name, rules in shaping["default"]["sources"].items()}
    assert rates == {name: {f"day-of-{name}": f"{vmta.quota}/day,max_burst=1"} for name, vmta in vmtas.items()}
    assert shaping["yahoo.com"] == shaping["aol.com"]
    assert shaping["yahoo.com"]["max_deliveries_per_connection"] == 20
    assert "max_deliveries_per_connection" not in shaping["gmail.com"]
    assert parsed["dkim_data.toml"]["domain"] == {
        key.domain: {"selector": key.selector, "filename": key.path, "algo": "sha256"} for key in (SOS, ULIXAI)
    }


def test_names_that_would_add_a_line_stay_names():
    pool = CONFIG.Pool("a-pool", (), ())
    object.__setattr__(pool, "name", 'a"]\n[pool."b')  # what the checks of a Pool refuse
    assert list(tomllib.loads(KUMOMTA.sources_toml([pool]))["pool"]) == [pool.name]
