from odoo.tests import BaseCase, tagged

from ..tools.public_address import is_public

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.9", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:101::1",
    "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "feff::1", "ff02::1",
    "ff0e::1",
]  # fmt: skip
OUTSIDE = [
    "9.9.9.9", "1.1.1.1", "172.32.0.1", "192.0.1.1", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:9.9.9.9",
    "64:ff9b::909:909",
]  # fmt: skip


@tagged("post_install", "-at_install")
class TestPublicAddress(BaseCase):
    def test_special_ranges_of_the_registries_in_every_spelling(self):
        self.assertEqual([address for address in INSIDE if is_public(address)], [])
        self.assertEqual([address for address in OUTSIDE if not is_public(address)], [])
