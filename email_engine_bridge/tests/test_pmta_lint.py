from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..tools.pmta_lint import lint, parse

GOOD = """\
postmaster abuse@example.com
log-file /var/log/pmta/log
run-as-root no
http-mgmt-port 8080
http-access 127.0.0.1 admin
http-api-key 0123456789abcdef0123456789abcdef
domain-macro gmail gmail.com, googlemail.com
domain-macro big $gmail, yahoo.com
<spool /var/spool/pmta>
    min-free-space 1G
</spool>
<acct-file /var/log/pmta/acct.csv>
    records d,b
    move-interval 5m
    max-size 50M
    http-webhook-url https://hooks.example.com/pmta
</acct-file>
<smtp-pattern-list errors>
    reply /421 4\\.7\\.28/ mode=backoff,backoff-to-normal-after=1h
    reply /550 5\\.7\\.1/ disable-source-ip,reenable-after=2h
</smtp-pattern-list>
<mx-rollup-list>
    mx *.olc.protection.outlook.com hotmail.rollup rollup-by-ip
</mx-rollup-list>
<domain $gmail>
    max-msg-rate 83/10m
    max-smtp-out 10
    retry-after 10m,30m,1h
</domain>
<virtual-mta a1>
    smtp-source-host 192.0.2.1 mail1.a.example
    domain-key s1, a.example, /etc/pmta/a.pem
    cold-virtual-mta a2
    max-smtp-msg-rate 50/d
    <domain *>
        dkim-sign yes
        max-cold-virtual-mta-msg 50/day,100/day
    </domain>
</virtual-mta>
<virtual-mta a2>
    smtp-source-host 192.0.2.2 mail2.a.example
    max-smtp-msg-rate 50/d
</virtual-mta>
<virtual-mta b1>
    smtp-source-host 198.51.100.1 mail1.b.example
</virtual-mta>
<virtual-mta-pool a-pool>
    virtual-mta a1
    virtual-mta a2
    <domain example.net>
        max-smtp-out 2
    </domain>
</virtual-mta-pool>
<virtual-mta-pool b-pool>
    virtual-mta b1
</virtual-mta-pool>
<bounce-category-patterns>
    /spam/ spam-related
</bounce-category-patterns>
<pattern-list senders>
    mail-from /@a\\.example$/ virtual-mta=a-pool
    * virtual-mta=b-pool
</pattern-list>
<source 127.0.0.1>
    always-allow-relaying yes
    process-x-virtual-mta yes
    pattern-list senders
    default-virtual-mta b-pool
</source>
"""

# Documented forms the guide shows: what is replaced in the good file, by what. None of them is an error or a warning.
DOCUMENTED = [
    ("default-virtual-mta b-pool", "default-virtual-mta by-smtp-source-ip"),
    ("* virtual-mta=b-pool", "* virtual-mta=b-pool,recipient-priority=50"),
    ("* virtual-mta=b-pool", "* call-to: senders"),
    ("    move-interval 5m", "    delete-after never"),
    ("        dkim-sign yes", '        dkim-sign yes\n        dkim-headers ""'),
    ("    smtp-source-host 198.51.100.1", "    enable-signals true\n    smtp-source-host 198.51.100.1"),
    ("    virtual-mta b1\n", "    virtual-mta b1\n    enable-signals false\n"),
    ("run-as-root no", "run-as-root no\nmx-connection-limit *.example.net 20\nip-connection-limit 173.194/16 50"),
    ("http-access 127.0.0.1 admin", "http-access 10/8 monitor"),
    ("    max-smtp-out 10", "    max-smtp-out 10\n    max-data-volume-rate 1048576/1h"),
    ("    process-x-virtual-mta yes", "    max-message-size 40M"),
    ("<source 127.0.0.1>", "<source 0/0>\n    require-auth true"),
    (
        "<source 127.0.0.1>",
        "<address-list traps>\n    address /^b@/\n</address-list>\n<source 127.0.0.1>\n    suppression-lists traps",
    ),
]

# code, what is replaced in the good file, by what, and the text of the line to be reported
MUTATIONS = [
    ("E5", "        max-smtp-out 2", "        smtp-pattern-list errrors", "smtp-pattern-list errrors"),
    ("E5", "    process-x-virtual-mta yes", "    rewrite-list nobody", "    rewrite-list nobody"),
    ("E5", "    process-x-virtual-mta yes", "    suppression-lists traps,more", "    suppression-lists traps,more"),
    ("E5", "* virtual-mta=b-pool", "* call-to:nobody", "* call-to:nobody"),
    ("E5", "<source 127", "<smtp-user u>\n    source {u}\n</smtp-user>\n<source 127", "    source {u}"),
    ("E1", "max-msg-rate 83/10m", "max-message-rate 83/10m", "max-message-rate"),
    (
        "E1",
        "    max-smtp-msg-rate 50/d\n    <domain *>",
        "    max-msg-rate 50/d\n    <domain *>",
        "    max-msg-rate 50/d",
    ),
    ("E2", "</virtual-mta-pool>\n<virtual-mta-pool b-pool>", "<virtual-mta-pool b-pool>", "<virtual-mta-pool b-pool>"),
    ("E2", "    min-free-space 1G\n", "    <domain a.com>\n    </domain>\n", "<domain a.com>"),
    ("E2", "</source>\n", "</sources>\n", "</sources>"),
    ("E3", "<domain $gmail>", "<domain gmail.com googlemail.com>", "<domain gmail.com googlemail.com>"),
    ("E3", "<domain $gmail>", "<domain gmail.com,googlemail.com>", "<domain gmail.com,googlemail.com>"),
    ("E4", "<virtual-mta b1>", "<virtual-mta a-pool>", "<virtual-mta-pool a-pool>"),
    ("E5", "    virtual-mta b1\n", "    virtual-mta b2\n", "    virtual-mta b2"),
    ("E5", "default-virtual-mta b-pool", "default-virtual-mta c-pool", "default-virtual-mta c-pool"),
    ("E5", "virtual-mta=a-pool", "virtual-mta=x-pool", "x-pool"),
    (
        "E6",
        "    virtual-mta b1\n",
        "    virtual-mta b1\n    virtual-mta a1 \n    <domain x.com>\n    </domain>\n",
        "    virtual-mta a1 ",
    ),
    ("E7", "198.51.100.1 mail1.b.example", "mail1.b.example 198.51.100.1", "mail1.b.example 198.51.100.1"),
    ("E7", "198.51.100.1 mail1.b.example", "198.51.100.1", "smtp-source-host 198.51.100.1"),
    ("E8", "s1, a.example, /etc/pmta/a.pem", "s1, a.example, rsa, /etc/pmta/a.pem", "rsa"),
    ("E9", "max-msg-rate 83/10m", "max-msg-rate 0/h", "0/h"),
    ("E9", "max-msg-rate 83/10m", "max-msg-rate 50/fortnight", "fortnight"),
    ("E10", "move-interval 5m", "move-interval soon", "soon"),
    ("E10", "max-size 50M", "max-size big", "big"),
    ("E10", "dkim-sign yes", "dkim-sign oui", "oui"),
    ("E10", "move-interval 5m", "move-interval", "    move-interval"),
    ("E10", "http-access 127.0.0.1 admin", "http-mgmt-port 99999", "http-mgmt-port 99999"),
    ("E10", "run-as-root no", "run-as-root no\nsmtp-listener 0.0.0.0:70000", "0.0.0.0:70000"),
    ("E10", "<source 127.0.0.1>", "<source 300.1.1.1>", "<source 300.1.1.1>"),
    ("E10", "    /spam/ spam-related", "    /(spam/ spam-related", "/(spam/"),
    ("E10", "    mail-from /@a\\.example$/", "    mail-from /@[a.example$/", "/@[a"),
    ("E10", "    /spam/ spam-related", "    /*spam/ spam-related", "/*spam/"),
    ("E11", "    records d,b\n", "    records d,x\n", "records d,x"),
    ("E11", "    records d,b\n", "    records d,b\n    records f\n", "records f"),
    ("E12", "    pattern-list senders", "    pattern-list later", "later"),
    ("E13", "mode=backoff,backoff-to-normal-after=1h", "mode=backoff,mode=normal", "mode=normal"),
    ("E13", "disable-source-ip,reenable-after=2h", "reenable-after=2h,disable-source-ip", "reenable-after=2h"),
    ("E13", "mode=backoff,backoff-to-normal-after=1h", "skip-mx,bounce-queue", "skip-mx"),
    ("E14", "log-file /var/log/pmta/log\n", "", "postmaster"),
    ("E14", "<spool /var/spool/pmta>\n    min-free-space 1G\n</spool>\n", "", "postmaster"),
    ("E15", "hotmail.rollup rollup-by-ip", "hotmail rollup-by-ip", "hotmail rollup-by-ip"),
    ("E16", "<domain $gmail>", "<domain $gmial>", "$gmial"),
    ("E16", "domain-macro gmail gmail.com", "domain-macro gmail $big, gmail.com", "domain-macro gmail"),
    ("E17", "https://hooks.example.com/pmta", "https://u:p@hooks.example.com/pmta", "u:p@"),
    ("E17", "https://hooks.example.com/pmta", "https://hooks.example.com/pmta?token=1", "?token"),
    ("E18", "0123456789abcdef0123456789abcdef", "short-key", "short-key"),
    ("E19", "198.51.100.1 mail1.b.example", "127.0.0.1 mail1.b.example", "127.0.0.1 mail1.b"),
    ("E20", "198.51.100.1 mail1.b.example", "192.0.2.1 mail1.b.example", "192.0.2.1 mail1.b"),
    ("W1", "    cold-virtual-mta a2\n", "", "max-cold-virtual-mta-msg"),
    ("W2", "    smtp-source-host 198.51.100.1 mail1.b.example\n", "", "<virtual-mta b1>"),
    ("W3", "<source 127.0.0.1>\n    always", "<source 0/0>\n    always", "always-allow-relaying"),
    ("W3", "<source 127.0.0.1>\n    always", "<source 128.0.0.0/1>\n    always", "always-allow-relaying"),
    ("W4", "http-access 127.0.0.1 admin", "http-access 0/0 admin", "http-access 0/0"),
    ("W4", "http-access 127.0.0.1 admin", "http-access 0.0.0.0/1 admin", "http-access 0.0.0.0/1"),
    ("W5", "<virtual-mta a1>", "<domain $gmail>\n</domain>  \n<virtual-mta a1>", "<domain $gmail>"),
    ("W6", "max-msg-rate 83/10m", "max-msg-per-hour 500", "max-msg-per-hour"),
    ("W7", "/etc/pmta/a.pem", "/root/a.pem", "/root/a.pem"),
    ("W8", "        dkim-sign yes\n", "", "domain-key"),
    ("W9", "records d,b", "records d,b,t", "records d,b,t"),
    ("W11", "max-msg-rate 83/10m", "max-msg-rate 0", "max-msg-rate 0"),
    ("E5", "run-as-root no", "run-as-root no\nenable-signals Nobody", "enable-signals Nobody"),
    ("E5", "run-as-root no", "run-as-root no\nuse-proxy nobody", "use-proxy nobody"),
    ("E16", "run-as-root no", "run-as-root no\n<domain mx.$typo>\n</domain>", "mx.$typo"),
    ("W10", "run-as-root no", "run-as-root no\nsync-msg-create no", "sync-msg-create"),
]


@tagged("post_install", "-at_install")
class TestPmtaLint(BaseCase):
    def test_documented_forms_are_clean(self):
        for before, after in DOCUMENTED:
            with self.subTest(after):
                self.assertIn(before, GOOD)
                self.assertEqual(lint(GOOD.replace(before, after, 1)), [])

    def test_good_file_is_clean(self):
        self.assertEqual(lint(GOOD), [])

    def test_every_rule_is_caught_at_its_line(self):
        for code, old, new, needle in MUTATIONS:
            with self.subTest(code=code, new=new):
                self.assertIn(old, GOOD)
                text = GOOD.replace(old, new, 1)
                lines = [number for number, line in enumerate(text.split("\n"), 1) if needle in line]
                found = [(finding.code, finding.line) for finding in lint(text)]
                self.assertIn((code, lines[-1]), found)
        rules = {code for code, *_mutation in MUTATIONS}
        self.assertEqual(rules, {f"E{n}" for n in range(1, 21)} | {f"W{n}" for n in range(1, 12)})

    def test_forms_of_the_guide_are_accepted(self):
        """Forms that the vendor's guide shows, with values of ours, at the end of a good configuration."""
        for form in (
            "<signals-filter Some>\n sender-or-from *.a.test enable-signals,subaccount=7\n sender-or-from * "
            "disable-signals\n</signals-filter>\nenable-signals Some",
            "<aliases>\n alias sales a@b.test,c@d.test\n alias *@e.test f@g.test\n</aliases>",
            "<bounce-processor>\n <address-list mine>\n  domain a.test\n  address /^bounce@/\n </address-list>\n"
            "</bounce-processor>",
            "<suppression-list gone>\n domain a.test\n</suppression-list>\n<source 192.0.2.99>\n"
            " suppression-lists gone\n</source>",
            "<pattern-list late>\n rcpt-to /x@/ virtual-mta=b-pool, recipient-priority=60\n</pattern-list>",
            "<virtual-mta relay>\n <domain *>\n  queue-to {sparkpost}\n </domain>\n</virtual-mta>",
            "<pattern-list odd>\n rcpt-to /^[)(*+?\\]]+(a|b)?\\(x{2,3}$/ virtual-mta=b-pool\n</pattern-list>",
            "<acct-file /a>\n records delivery, bounce\n record-fields delivery *,header_X\n</acct-file>",
            '<domain clear.test>\n smtp-pattern-list ""\n remove-header ""\n</domain>',
        ):
            self.assertEqual([found.render("c") for found in lint(f"{GOOD}\n{form}\n")], [], form)

    def test_message_reads_like_pmta(self):
        finding = lint(GOOD.replace("dkim-sign yes", "dkim-sign oui"))[0]
        self.assertEqual(
            finding.render("/etc/pmta/config"),
            "Error in line 36 of /etc/pmta/config: dkim-sign: yes or no expected, found oui [E10]",
        )

    def test_comments_quotes_and_line_ends(self):
        text = GOOD.replace("\n", "  # remark\r\n").replace("/etc/pmta/a.pem", '"/etc/pmta/a b.pem"')
        self.assertEqual(lint(text), [])
        self.assertIn("E10", {finding.code for finding in lint(GOOD.replace("a.pem", 'a.pem"'))})

    def test_included_files_may_define_names(self):
        text = GOOD.replace("log-file /var/log/pmta/log", "include /etc/pmta/base").replace(
            "  virtual-mta b1", "  virtual-mta z"
        )
        self.assertEqual(lint(text), [])

    def test_print_and_parse_again(self):
        root, findings = parse(GOOD)
        self.assertFalse(findings)
        self.assertEqual(parse(GOOD.replace("    ", "\t"))[0].as_tuple(), root.as_tuple())

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(st.text(st.sampled_from(list('<>/# "\\\n\t$,*.=-_:')) | st.characters(), max_size=200))
    def test_no_input_breaks_it(self, text):
        lint(text)
        lint(GOOD[: len(text) * 7] + text + GOOD[len(text) * 7 :])
