import gzip
import io
import zipfile
from email.message import EmailMessage

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..exceptions import EngineRejected
from ..tools.dmarc_report import read_reports
from .common import EngineCase

REPORT = """<?xml version="1.0"?>
<feedback{namespace}>
 <report_metadata><org_name>{organisation}</org_name><report_id>{number}</report_id>
  <date_range><begin>1767225600</begin><end>1767311999</end></date_range></report_metadata>
 <policy_published><domain>{domain}</domain><p>none</p></policy_published>
 <record><row><source_ip>192.0.2.1</source_ip><count>7</count>
   <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>{domain}</header_from></identifiers>
  <auth_results><dkim><domain>{domain}</domain><result>pass</result></dkim></auth_results></record>
 <record><row><source_ip>203.0.113.66</source_ip><count>3</count>
   <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>softfail</spf></policy_evaluated></row>
  <identifiers><header_from>{domain}</header_from></identifiers></record>
</feedback>"""


def report(domain="mail1.alpha.test", number="1", organisation="google.com", namespace=""):
    return REPORT.format(domain=domain, number=number, organisation=organisation, namespace=namespace).encode()


def zipped(*texts, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.xml", text)
    return stream.getvalue()


@tagged("post_install", "-at_install")
class TestDmarcReports(EngineCase):
    """Who sends in our name, as receivers report it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(cls.env, "dmarc-boss", "email_engine_bridge.group_email_engine_bridge_manager")

    def _upload(self, *bodies, user=None):
        env = self.env(user=user or self.manager)
        files = env["ir.attachment"].create([{"name": f"{n}.xml", "raw": body} for n, body in enumerate(bodies)])
        upload = env["engine.dmarc.upload"].create({"file_ids": files.ids})
        upload.action_read()
        return upload.report

    def test_reports_become_a_board(self):
        said = self._upload(report(), gzip.compress(report(number="2")), zipped(report(number="3"), report(number="1")))
        self.assertIn("2.xml: new reports 1, known ones 1.", said)
        sources = self.env["engine.dmarc.source"].with_user(self.manager).search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual(len(sources), 6)
        self.assertEqual(set(sources.mapped("disposition")), {"none"})
        self._upload(report(number="4").replace(b"<disposition>none", b"<disposition>odd"))
        odd = self.env["engine.dmarc.source"].search([("dmarc_report_id.report_id", "=", "4")])
        self.assertEqual(set(odd.mapped("disposition")), {False}, "words of a stranger")
        ours = sources.filtered(lambda one: one.who == "ours")
        self.assertEqual((ours.ip_id, set(ours.mapped("verdict"))), (self.ip_a1, {"pass"}))
        others = sources - ours
        self.assertEqual((set(others.mapped("address")), sum(others.mapped("count"))), ({"203.0.113.66"}, 9))
        self.assertEqual(set(others.mapped("verdict")), {"fail"})

    def test_what_is_no_report_changes_nothing(self):
        said = self._upload(
            b"x", report("stranger.test"), zipped(report(number="9"), b"<a/>"), gzip.compress(report())[:-9]
        )
        for line in (
            "0.xml: This is no XML",
            "1.xml: stranger.test is no domain",
            "2.xml: This is no DMARC",
            "3.xml: The comp",
        ):
            self.assertIn(line, said)
        self.assertFalse(self.env["engine.dmarc.report"].search([]))
        bomb = b"<!DOCTYPE a [<!ENTITY x 'y'><!ENTITY z '&x;&x;'>]><feedback>&z;</feedback>"
        many = b"".join(b' a%d=""' % number for number in range(10_000))
        shapes = (b"<feedback" + many + b"/>", b"<feedback>" + b"<a/>" * 20_000 + b"</feedback>")
        packed = zipped(report(), method=zipfile.ZIP_LZMA)
        for body in (bomb, gzip.compress(b"<feedback>" + b" " * 80_000_000), b"PK\x03\x04", packed, *shapes):
            with self.assertRaises(EngineRejected):
                read_reports(body)

    def test_reports_as_receivers_write_them(self):
        """A Mac's zip, gzip in a zip, gzip of two members, XML that is none strictly, moments of other kinds."""
        expected = read_reports(report())
        text, stream = report(), io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("__MACOSX/reports/._1.xml", b"\0\5\x16\7")
            archive.writestr("reports/1.xml.GZ", gzip.compress(text))
        for body in (
            stream.getvalue(),
            gzip.compress(text[:99]) + gzip.compress(text[99:]),
            b"\r\n " + text,
            text.replace(b"<record>", b"<xs:schema></xs:schema><record>", 1),
            text.replace(b"1767225600", b" 1767225600.0 ").replace(b"1767311999", b"1767311999000"),
            text.replace(b"1767225600", b"2026-01-01T00:00:00Z"),
            text.replace(b"<disposition>none", b"<disposition>None\x0b"),
            text.decode().replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16"),
            text.decode().encode("utf-16-be"),
            zipped(text.decode().encode("utf-16-le")),
        ):
            self.assertEqual(read_reports(body), expected)
        odd = text.replace(b"google.com", b"A & B &amp; C&#xE9;").replace(b"192.0.2.1", b"2001:DB8:0::1\n")
        [found] = read_reports(odd)
        self.assertEqual((found.organisation, found.rows[0].address), ("A & B & Cé", "2001:db8::1"))

    def test_a_mail_with_reports(self):
        """As saved by a mail program, and forwarded in another mail; its words are no report."""
        mail = EmailMessage()
        mail["Subject"] = "Report Domain: alpha.test"
        mail.set_content("<feedback> is attached")
        mail.add_alternative("<p>&lt;feedback&gt;</p>", subtype="html")
        mail.add_attachment(zipped(report()), maintype="application", subtype="zip", filename="1.zip")
        mail.add_attachment(report(number="2").decode().encode("utf-16"), maintype="text", subtype="xml")
        forwarded = EmailMessage()
        forwarded.set_content("see below")
        forwarded.add_attachment(mail)
        expected = read_reports(report()) + read_reports(report(number="2"))
        for body in (bytes(mail), b"From google Mon Nov 30\n" + bytes(mail), bytes(forwarded)):
            self.assertEqual(read_reports(body), expected)
        bare = EmailMessage()
        bare.set_content("<html>hello</html>")
        nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(500))
        for body in (bytes(bare), nested, b"Content-Type: message/rfc822\n\n" * 5000):
            with self.assertRaises(EngineRejected):
                read_reports(body)

    def test_reading_a_file_deletes_no_other(self):
        """Whoever may read a file need not be allowed to delete it."""
        company = self.env["res.company"].create({"name": "Elsewhere"})
        values = {"name": "logo.xml", "raw": report(), "public": True, "res_model": company._name, "res_id": company.id}
        file = self.env["ir.attachment"].create(values)
        upload = self.env["engine.dmarc.upload"].with_user(self.manager).create({"file_ids": file.ids})
        with self.assertRaises(AccessError):
            upload.action_read()
        self.assertTrue(file.exists())
        self.assertFalse(self.env["engine.dmarc.report"].search([]))

    def test_namespaces_and_organisational_domains(self):
        self._upload(report("alpha.test", namespace=' xmlns="http://dmarc.org/dmarc-xml/0.1"'))
        self.assertEqual(self.env["engine.dmarc.report"].search([]).tenant_id, self.tenant_a)

    def test_companies_see_their_own(self):
        self._upload(report())
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            "dmarc-stranger",
            "email_engine_bridge.group_email_engine_bridge_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        self.assertFalse(self.env["engine.dmarc.source"].with_user(stranger).search([]))
        self.assertIn("no domain", self._upload(report(number="2"), user=stranger))
        with self.assertRaises(AccessError):
            self.env["engine.dmarc.report"].with_user(self.manager).search([]).write({"policy": "reject"})
