"""Our configuration, read back by the linter's parser, drives a real Postfix: right number, right IP, right HELO."""

import smtplib
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from lokario_testing.environments import postfix

pytestmark = pytest.mark.skipif(not postfix.program(), reason="apt-get install postfix; must run as root")


def configuration():
    """Three tenants with six IPs of 5 to 30 mails today, as the API serves it."""
    from benchmarks.engine_environment import make_importable

    make_importable()
    from odoo.addons.email_engine_bridge.tools import pmta_config

    pools = []
    for tenant in range(1, 4):
        vmtas = tuple(
            pmta_config.VirtualMta(
                f"t{tenant}-127.0.{tenant}.{number}",
                f"127.0.{tenant}.{number}",
                f"mail{number}.t{tenant}.test",
                5 * tenant * number,
            )
            for number in (1, 2)
        )
        pools.append(pmta_config.Pool(f"t{tenant}-pool", vmtas, (f"t{tenant}.test",)))
    server = pmta_config.Server("postmaster@mta.example.com", "mta.example.com")
    return pmta_config.print_tree(pmta_config.build(server, pools))


def test_twice_the_allowed_mail():
    text = configuration()
    from odoo.addons.email_engine_bridge.tools.pmta_lint import lint, parse

    assert lint(text) == []
    vmtas = postfix.vmtas_of(parse(text)[0])
    assert sum(vmta.quota for vmta in vmtas) == 90
    with (
        tempfile.TemporaryDirectory(prefix="postfix-") as folder,
        postfix.serving(vmtas, Path(folder)) as (port, sink, _fence),
    ):
        refused = Counter()
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            for vmta in vmtas:
                for number in range(2 * vmta.quota):
                    headers = f"From: a@x.test\r\nX-Virtual-MTA: {vmta.name}\r\nX-Meant: {vmta.name}\r\n"
                    mail = f"{headers}\r\nHello {number}\r\n"
                    try:
                        client.sendmail("a@x.test", [f"r{number}@else.test"], mail)
                    except smtplib.SMTPDataError:
                        refused[vmta.name] += 1
        postfix.wait_until(lambda: len(sink.seen) >= 90)
    assert Counter(meant for _ip, _helo, meant in sink.seen) == {vmta.name: vmta.quota for vmta in vmtas}
    assert refused == {vmta.name: vmta.quota for vmta in vmtas}
    by_name = {vmta.name: (vmta.address, vmta.hostname) for vmta in vmtas}
    assert all((address, helo) == by_name[meant] for address, helo, meant in sink.seen)
