import random

from odoo.tests import BaseCase, tagged

from ..tools.authentication import authentication_verdict, trusted_authserv
from ..tools.message_ids import MAX_REFERENCES, mint_message_id, parse_ids, verify_message_id
from ..tools.subject_prefixes import retitled
from ..tools.threading import Mail, Threader, subject_key
from .threading_corpus import KEY, OWN, Correspondence, customer_thread, pair_quality, spoof_cases


def labels(mails, own=OWN):
    """Return key -> number of its group."""
    groups = Threader(mails, own).groups()
    return {key: number for number, group in enumerate(groups) for key in group.keys}


@tagged("post_install", "-at_install")
class TestThreading(BaseCase):
    def test_no_stranger_joins(self):
        """0 wrong joins over more than 100 attempts, in both orders of arrival."""
        cases = list(spoof_cases())
        self.assertGreaterEqual(len(cases), 100)
        for name, stored, forged in cases:
            for mails in ([*stored, forged], [forged, *stored]):
                with self.subTest(name):
                    found = labels(mails)
                    self.assertNotEqual(found["x"], found["q"], name)

    def test_a_stranger_gets_a_hint(self):
        """The mail opens its own conversation and says which one it claims to belong to."""
        forged = Mail(
            "x", "<x@evil>", ("<q@client.com>",), "mallory@evil.example", frozenset({OWN[0]}), "Re: Devis escalier", 9e9
        )
        groups = Threader([*customer_thread(), forged], OWN).groups()
        hint = next(group.claims for group in groups if "x" in group.keys)
        self.assertEqual(hint, {"x": "q"})

    def test_our_answer_to_a_stranger_is_no_bridge(self):
        """Answering the forged mail (its References copied) does not merge the two."""
        forged = Mail(
            "x",
            "<x@evil>",
            ("<q@client.com>",),
            "mallory@evil.example",
            frozenset({OWN[0], "anna@client.com"}),
            "Re: Devis escalier",
            4e5,
        )
        answer = Mail(
            "y",
            "<y@atelier.fr>",
            ("<q@client.com>", "<x@evil>"),
            OWN[0],
            frozenset({"mallory@evil.example", "anna@client.com"}),
            "Re: Devis escalier",
            5e5,
            is_own=True,
        )
        found = labels([*customer_thread(), forged, answer])
        self.assertEqual(found["x"], found["y"])
        self.assertNotEqual(found["x"], found["q"])

    def test_people_of_the_conversation_join(self):
        """Customer, a person in copy and an authenticated colleague join."""
        thread = customer_thread()
        for sender, proof in (("anna@client.com", "none"), ("paul@client.com", "none"), ("zoe@client.com", "pass")):
            answer = Mail(
                "n",
                "<n@client.com>",
                ("<s@client.com>",),
                sender,
                frozenset({OWN[0], "anna@client.com"}),
                "Re: Devis",
                9e5,
                authentication=proof,
            )
            found = labels([*thread, answer])
            self.assertEqual(found["n"], found["q"], sender)

    def test_generated_conversations(self):
        """At least 99 % of the right pairs join and 99 % of the joined pairs are right."""
        for seed in range(12):
            environment = Correspondence(seed)
            recall, precision = pair_quality(environment.expected, labels(environment.mails))
            self.assertGreaterEqual(recall, 0.99, f"seed {seed}")
            self.assertGreaterEqual(precision, 0.99, f"seed {seed}")

    def test_order_of_arrival_does_not_matter(self):
        """Any order of the same mails with References gives the same conversations."""
        for seed in range(20):
            environment = Correspondence(seed, conversations=15)
            mails = [mail for mail in environment.mails if mail.references or mail.key.endswith(".0")]
            ordered = labels(mails)
            random.Random(seed).shuffle(mails)
            self.assertEqual(pair_quality(ordered, labels(mails)), (1.0, 1.0))

    def test_identifiers(self):
        """Our Message-IDs name their conversation, survive a change of case, resist guessing."""
        minted = mint_message_id(KEY, 4711, "Atelier.fr")
        self.assertEqual(verify_message_id(KEY, minted.upper()), 4711)
        self.assertIsNone(verify_message_id(b"other key", minted))
        self.assertIsNone(verify_message_id(KEY, minted.replace("lk.3mv", "lk.3mw")))
        self.assertEqual(parse_ids(None, "garbage <A@b> <a@B>\n <c@d>"), ("<a@b>", "<c@d>"))
        self.assertEqual(parse_ids("bare@id"), ("<bare@id>",))
        long_chain = " ".join(f"<{n}@x>" for n in range(5000))
        self.assertEqual(len(parse_ids(long_chain)), MAX_REFERENCES)
        self.assertIn("<4999@x>", parse_ids(long_chain))

    def test_subject_key(self):
        """Prefixes of several languages and list tags fall away; a label in a subject stays."""
        for subject in ("Re: Été", "RE : TR: Été", "[Support] AW: Été", "Fwd: RÉP: ete", "Re[2]: Été"):
            self.assertEqual(subject_key(subject), ("ete", True), subject)
        for subject in (
            "回复：Été",
            "Re：Été",
            "答复: [equipe] Été",
            "Réf. : Été",
            "Antw.: Été",
            "Отв: 转发：Été",
            "RE (3): Été",
        ):
            self.assertEqual(subject_key(subject), ("ete", True), subject)
        for subject in ("İLT: Été", "轉寄: Été", "Továbbítás: Été"):
            self.assertEqual(subject_key(subject), ("ete", False), subject)
        self.assertEqual(subject_key("Info : été"), ("info : ete", False))
        self.assertEqual(retitled("回复：Été", is_forward=False), "回复：Été")
        self.assertEqual(retitled("Re: Fwd: x", is_forward=True), "Fwd: Re: Fwd: x")
        self.assertEqual(subject_key(None), ("", False))

    def test_authentication_results(self):
        """Only the mailbox's own service proves an author; anybody may disprove one."""
        trusted = trusted_authserv("imap.gmail.com")
        good = (
            "Authentication-Results: mx.google.com;\n dkim=pass header.d=client.com; dmarc=pass header.from=client.com"
        )
        self.assertEqual(authentication_verdict(good, "a@client.com", trusted), "pass")
        self.assertEqual(authentication_verdict(good, "a@other.com", trusted), "none")
        forged = good.replace("mx.google.com", "mx.evil.example")
        self.assertEqual(authentication_verdict(forged, "a@client.com", trusted), "none")
        failed = "Authentication-Results: x; dmarc=fail header.from=client.com"
        self.assertEqual(authentication_verdict(failed, "a@client.com", trusted), "fail")
        self.assertEqual(authentication_verdict("Subject: x", "a@client.com", trusted), "none")
