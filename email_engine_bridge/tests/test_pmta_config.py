import re
from ipaddress import IPv4Address, IPv6Address

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..tools import pmta_config as config
from ..tools import pmta_values
from ..tools.pmta_lint import lint, parse

LABEL = st.text("abxyz019-", min_size=1, max_size=8).map(lambda text: text.strip("-") or "a")
HOST = st.lists(LABEL, min_size=2, max_size=4).map(".".join).filter(lambda host: not host.rpartition(".")[2].isdigit())
SELECTOR = st.text("abc019", min_size=1, max_size=12)
ADDRESS = st.integers(2**24, 0xDFFFFFFF).map(lambda number: str(IPv4Address(number))) | st.integers(2**96, 2**127).map(
    lambda number: str(IPv6Address(number))
)
QUOTA = st.integers(1, 2_000_000)
HOSTILE = [
    "",
    " ",
    "a b",
    "x\ny",
    "x\r\nalways-allow-relaying yes",
    "x # y",
    "x>",
    "<x",
    '"x"',
    "x</virtual-mta>",
    "{pmta-auth}",
    "x{y",
    "é.fr",
    "x\u2028y",
    "x\x00y",
    "a" * 300,
    "../../etc/passwd",
    "x,y",
    "$macro",
    "*",
    "x;y",
    "x\\y",
    "ⅷ.com",
    "x\u0085y",
    "a..b",
    "-a.b",
    "a.b-",
    "`id`",
    "x=y",
    "x\ty",
    "a.b\n",
]


def server(**values):
    return config.Server(**{"postmaster": "postmaster@mta.example.com", "host_name": "mta.example.com", **values})


def throttled(*throttles):
    vmta = config.VirtualMta("a-1", "192.0.2.1", "mail1.a.test", 400, throttles=throttles)
    providers = [config.Provider("gmail", ("gmail.com",)), config.Provider("free", ("free.fr",))]
    return config.print_tree(config.build(server(), [config.Pool("a-pool", (vmta,))], providers))


@st.composite
def data_sets(draw):
    """Random tenants with random IPs, hosts, keys and quotas; addresses are unique."""
    addresses = draw(st.lists(ADDRESS, unique=True, min_size=1, max_size=8))
    hosts = iter(draw(st.lists(HOST, unique=True, min_size=len(addresses), max_size=len(addresses))))
    pools, addresses = [], iter(addresses)
    for number, slug in enumerate(draw(st.lists(LABEL, unique=True, min_size=1, max_size=4))):
        vmtas, domains = [], []
        for index, address in enumerate(addresses):
            host = next(hosts)
            keys = tuple(
                config.DkimKey(selector, host, f"/etc/pmta/dkim/{host}.{selector}.pem")
                for selector in draw(st.lists(SELECTOR, unique=True, max_size=2))
            )
            hourly = draw(st.sampled_from((0, 20, 10**6)))
            vmtas.append(config.VirtualMta(f"{slug}-{number}-{index}", address, host, draw(QUOTA), keys, hourly))
            domains.append(host)
            if index == 2:
                break
        pools.append(config.Pool(f"{slug}-pool", tuple(vmtas), tuple(domains)))
    return pools


@tagged("post_install", "-at_install")
class TestPmtaConfig(BaseCase):
    @settings(max_examples=2000, deadline=None, derandomize=True, database=None)
    @given(data_sets())
    def test_any_data_lints_clean_and_parses_back(self, pools):
        try:
            tree = config.build(server(), pools, [config.Provider("gmail", ("gmail.com",))], pools[0].name)
        except pmta_values.ConfigValueError:
            assume(False)
        text = config.print_tree(tree)
        self.assertEqual(lint(text), [])
        self.assertEqual(parse(text)[0].as_tuple(), tree)
        self.assertNotIn("max-cold-virtual-mta-msg", text)

    def test_an_address_is_no_host_name(self):
        for host in ("0.0.0.0", "192.0.2.1", "mail.1"):
            with self.subTest(host), self.assertRaises(pmta_values.ConfigValueError):
                config.VirtualMta("a", "192.0.2.1", host, 1)

    def test_hostile_values_are_refused_naming_the_field(self):
        makers = {
            "ip.vmta_name": lambda bad: config.VirtualMta(bad, "192.0.2.1", "a.example.com", 1),
            "ip.address": lambda bad: config.VirtualMta("a", bad, "a.example.com", 1),
            "ip.hostname": lambda bad: config.VirtualMta("a", "192.0.2.1", bad, 1),
            "tenant.pool_name": lambda bad: config.Pool(bad, ()),
            "domain.name": lambda bad: config.Pool("a", (), (bad,)),
            "dkim.selector": lambda bad: config.DkimKey(bad, "a.example.com", "/etc/pmta/k.pem"),
            "dkim.domain_id": lambda bad: config.DkimKey("s", bad, "/etc/pmta/k.pem"),
            "dkim.key_path": lambda bad: config.DkimKey("s", "a.example.com", bad),
            "server.postmaster": lambda bad: server(postmaster=bad),
            "server.host_name": lambda bad: server(host_name=bad),
            "server.log_file": lambda bad: server(log_file=bad),
            "server.source_networks": lambda bad: server(sources=(bad,)),
            "provider.name": lambda bad: config.Provider(bad, ("a.com",)),
            "provider.domains": lambda bad: config.Provider("a", (bad,)),
        }
        for field, make in makers.items():
            for bad in HOSTILE:
                with self.subTest(field=field, bad=bad), self.assertRaises(pmta_values.ConfigValueError) as caught:
                    make(bad)
                self.assertEqual(caught.exception.field, field)
                self.assertTrue(str(caught.exception).startswith(field))

    @settings(max_examples=2000, deadline=None, derandomize=True, database=None)
    @given(
        st.text(
            st.sampled_from(list("ab1.-"))
            | st.sampled_from(list("\n\r#<>\"\\{}$ \t,;'\x00\x0b\x1c\u2028"))
            | st.characters(),
            max_size=300,
        ),
        st.sampled_from(["name", "hostname", "selector"]),
    )
    def test_random_text_injects_nothing(self, text, kind):
        try:
            if kind == "name":
                vmta = config.VirtualMta(text, "192.0.2.1", "a.example.com", 50)
            elif kind == "hostname":
                vmta = config.VirtualMta("a", "192.0.2.1", text, 50)
            else:
                key = config.DkimKey(text, "a.example.com", "/etc/pmta/k.pem")
                vmta = config.VirtualMta("a", "192.0.2.1", "a.example.com", 50, (key,))
        except pmta_values.ConfigValueError as refused:
            self.assertRegex(str(refused), r"^(ip\.vmta_name|ip\.hostname|dkim\.selector): ")
            return
        tree = config.build(server(), [config.Pool("the-pool", (vmta,))])
        printed = config.print_tree(tree)
        self.assertEqual(parse(printed)[0].as_tuple(), tree)
        self.assertEqual(lint(printed), [])

    def test_names_and_addresses_are_used_once(self):
        one = config.VirtualMta("a", "192.0.2.1", "m.a.com", 50)
        for name, address, field in (
            ("a", "192.0.2.2", "ip.vmta_name"),
            ("p", "192.0.2.2", "ip.vmta_name"),
            ("b", one.address, "ip.address"),
        ):
            other = config.VirtualMta(name, address, "m.b.com", 50)
            with self.assertRaises(pmta_values.ConfigValueError) as caught:
                config.build(server(), [config.Pool("p", (one, other))])
            self.assertEqual(caught.exception.field, field)

    def test_equal_data_give_equal_bytes_in_any_order(self):
        vmtas = tuple(config.VirtualMta(f"a-{n}", f"192.0.2.{n}", f"m{n}.a.com", 50) for n in range(1, 6))
        pools = [config.Pool("a-pool", vmtas[:3], ("b.com", "a.com")), config.Pool("b-pool", vmtas[3:])]
        turned = [config.Pool("b-pool", vmtas[:2:-1]), config.Pool("a-pool", vmtas[2::-1], ("a.com", "b.com"))]
        self.assertEqual(
            config.print_tree(config.build(server(), pools)), config.print_tree(config.build(server(), turned))
        )

    def test_rate_of_the_day_is_the_quota(self):
        vmta = config.VirtualMta("a", "192.0.2.1", "m.a.com", 50)
        text = config.print_tree(config.build(server(), [config.Pool("p", (vmta,))]))
        self.assertEqual(re.findall(r"max-smtp-msg-rate (\S+)", text), ["50/d"])
        self.assertEqual(re.findall(r" max-msg-rate (\S+)", text), ["7/h"])
        with self.assertRaises(pmta_values.ConfigValueError):
            config.VirtualMta("a", "192.0.2.1", "m.a.com", 0)

    def test_a_throttled_provider_gets_less_from_this_ip_alone(self):
        text = throttled(("gmail", 20))
        self.assertEqual(lint(text), [])
        mta = text[text.index("<virtual-mta a-1>") : text.index("</virtual-mta>")]
        self.assertRegex(mta, r"<domain \*>\s+max-msg-rate 50/h\s+</domain>\s+<domain \$gmail>\s+max-msg-rate 20/h")
        self.assertNotIn("$free", mta)
        self.assertIn("max-msg-rate 50/h", throttled(("gmail", 10_000)).split("<domain $gmail>")[2])
        with self.assertRaises(pmta_values.ConfigValueError):
            throttled(("gmail", 0))

    def test_open_relay_cannot_be_written(self):
        for everybody in ("0/0", "0.0.0.0/0", "::/0"):
            with self.assertRaises(pmta_values.ConfigValueError):
                server(sources=(everybody,))
