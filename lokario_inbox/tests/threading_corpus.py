"""Mails for the threading tests: 100+ attempts to enter a conversation, and broken ordinary ones."""

import itertools
import random

from ..tools.message_ids import mint_message_id
from ..tools.threading import Mail

OWN = ("contact@atelier.fr", "devis@atelier.fr")
KEY = b"threading corpus key"
DAY = 86400


def customer_thread():
    """Return a customer's conversation of three mails, already stored as conversation 1."""
    reply_id = mint_message_id(KEY, 1, "atelier.fr")
    return [
        Mail(
            "q", "<q@client.com>", (), "anna@client.com", frozenset({OWN[0]}), "Devis escalier", 1 * DAY, conversation=1
        ),
        Mail(
            "r",
            reply_id,
            ("<q@client.com>",),
            OWN[0],
            frozenset({"anna@client.com"}),
            "Re: Devis escalier",
            2 * DAY,
            is_own=True,
            named_conversation=1,
            conversation=1,
        ),
        Mail(
            "s",
            "<s@client.com>",
            ("<q@client.com>", reply_id),
            "anna@client.com",
            frozenset({OWN[0], "paul@client.com"}),
            "Re: Devis escalier",
            3 * DAY,
            conversation=1,
        ),
    ]


STRANGERS = (
    "mallory@evil.example",
    "anna@client.com.evil.example",  # look-alike suffix
    "anna@cl1ent.com",
    "anna@mail.client.co",
    "anna.client.com@gmail.com",
    "bob@client.com",  # the right domain, not authenticated
    "contact@atelier.fr.evil.example",
    "",
)


def spoof_cases():
    """Yield (name, stored mails, forged mail): none of the forged mails may join."""
    thread = customer_thread()
    own_id = thread[1].message_id
    quotes = {
        "root": ("<q@client.com>",),
        "own id": (own_id,),
        "chain": ("<q@client.com>", own_id, "<s@client.com>"),
        "upper case": tuple(ref.upper().casefold() for ref in ("<Q@CLIENT.COM>", own_id)),
        "subject only": (),
    }
    audiences = {
        "to us": frozenset({OWN[0]}),
        "cc the customer": frozenset({OWN[0], "anna@client.com"}),
    }
    for sender, (quote, refs), (audience, to) in itertools.product(STRANGERS, quotes.items(), audiences.items()):
        named = 1 if own_id in refs else None
        yield (
            f"{sender or 'no sender'} quotes {quote}, {audience}",
            thread,
            Mail(
                "x",
                "<x@evil>",
                refs,
                sender,
                to,
                "Re: Devis escalier",
                4 * DAY,
                named_conversation=named,
            ),
        )
    yield from _forged_authors(thread, quotes)
    yield from _forged_identifiers(thread)


def _forged_authors(thread, quotes):
    for forged, (quote, refs) in itertools.product(("anna@client.com", *OWN), quotes.items()):
        yield (
            f"forged {forged} fails DMARC, {quote}",
            thread,
            Mail(
                "x",
                "<x@evil>",
                refs,
                forged,
                frozenset({OWN[0]}),
                "Re: Devis escalier",
                4 * DAY,
                authentication="fail",
            ),
        )
    for own, (quote, refs) in itertools.product(OWN, quotes.items()):
        yield (
            f"claims to be {own} without proof, {quote}",
            thread,
            Mail(
                "x",
                "<x@evil>",
                refs,
                own,
                frozenset({OWN[0], "anna@client.com"}),
                "Re: Devis escalier",
                4 * DAY,
            ),
        )


def _forged_identifiers(thread):
    for number, sender in enumerate(STRANGERS[:5]):
        yield (
            f"{sender} reuses the customer's Message-ID",
            thread,
            Mail(
                "x",
                "<s@client.com>",
                (),
                sender,
                frozenset({OWN[0], "anna@client.com"}),
                "Re: Devis escalier",
                4 * DAY,
            ),
        )
        yield (
            f"{sender} guesses an id of ours ({number})",
            thread,
            Mail(
                "x",
                "<x@evil>",
                (f"<lk.1.{number:012x}.{'a' * 24}@atelier.fr>",),
                sender,
                frozenset({OWN[0]}),
                "Re: Devis escalier",
                4 * DAY,
            ),
        )


class Correspondence:
    """Generated mailbox with the ways in which real headers break; ``expected`` is the truth."""

    SUBJECTS = (
        "Devis cuisine",
        "Facture 2041",
        "Rendez-vous chantier",
        "Livraison retardée",
        "Demande d'information",
        "Contrat d'entretien",
        "Plan de la terrasse",
    )

    def __init__(self, seed, conversations=60):
        self.random, self.mails, self.expected = random.Random(seed), [], {}
        for number in range(conversations):
            self._converse(number)

    def _converse(self, number):
        rnd = self.random
        customer = f"client{rnd.randrange(40)}@{rnd.choice(('gmail.com', 'dupont.fr', 'orange.fr'))}"
        subject = f"{rnd.choice(self.SUBJECTS)} {number // 3}"
        clock, chain = rnd.uniform(0, 300) * DAY, []
        for step in range(rnd.randint(1, 7)):
            own = step % 2 == 1
            mail = self._mail(number, step, customer, own, subject, chain, clock)
            if not (own and rnd.random() < 0.08):  # sent from a phone that files nothing
                self.mails.append(mail)
                self.expected[mail.key] = number
            chain = [*chain, mail.message_id] if mail.message_id else chain
            clock += rnd.uniform(0.01, 6) * DAY

    def _mail(self, number, step, customer, own, subject, chain, clock):
        rnd = self.random
        message_id = "" if not own and rnd.random() < 0.02 else f"<{number}.{step}@mail>"
        title = subject if not step else rnd.choice(("Re: ", "RE : ", "AW: ", "Re: Re: ")) + subject
        if step and rnd.random() < 0.04:
            title = "Autre chose"
        return Mail(
            f"{number}.{step}",
            message_id,
            self._broken(chain, title),
            OWN[0] if own else customer,
            frozenset({customer if own else OWN[0]}),
            title,
            clock,
            is_own=own,
        )

    def _broken(self, chain, title):
        fate = self.random.random()
        if fate < 0.75 or title == "Autre chose":
            return tuple(chain)
        if fate < 0.87:
            return tuple(chain[-1:])  # In-Reply-To only
        if fate < 0.93:
            return (*chain[:-1], "<mangled@gateway>") if chain else ()
        return ()


def pair_quality(expected, found):
    """Return (share of true pairs found, share of found pairs that are true), F1 style."""

    def pairs(labels):
        groups = {}
        for key, label in labels.items():
            groups.setdefault(label, []).append(key)
        return {pair for keys in groups.values() for pair in itertools.combinations(sorted(keys), 2)}

    truth, guess = pairs(expected), pairs(found)
    both = len(truth & guess)
    return both / max(1, len(truth)), both / max(1, len(guess))
