"""Which mails belong to one conversation, and why a stranger's never does.

A mail joins through one link, the first that holds:
1. its nearest known ancestor (In-Reply-To, then References from the end);
2. a Message-ID of ours that its MAC verifies and that names the conversation;
3. another mail that quotes the same missing ancestor;
4. the same subject behind a reply prefix, when no reference is known.
Every link asks in addition that the author takes part in the other mail: identifiers travel in
forwards and quotes, addresses of participants do not make a stranger one of them.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from .subject_prefixes import without_prefixes

SUBJECT_WINDOW = 60 * 86400  # seconds between two mails that a subject alone may join
_MIN_SUBJECT = 4  # characters: "Re: ok" says nothing
_MAX_SIBLINGS = 50  # mails that quote one missing ancestor: a long list thread stays linear

# Addresses under these domains say nothing about working together.
PUBLIC_DOMAIN = re.compile(
    r"(gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|rocketmail|aol|icloud|me|mac|gmx|mail|zoho|proton"
    r"|protonmail|pm|yandex|orange|wanadoo|free|sfr|neuf|bbox|laposte|numericable|web|t-online|libero|bluewin"
    r"|hispeed|skynet|telenet|videotron|sympatico)\.(com|net|org|me|fr|de|at|ch|be|it|es|co\.uk|ca|ru)"
)


@dataclass(frozen=True)
class Mail:
    """A mail as threading sees it; addresses bare and lower case, identifiers case folded."""

    key: Hashable
    message_id: str = ""
    references: tuple[str, ...] = ()  # oldest first, In-Reply-To last
    sender: str = ""
    recipients: frozenset[str] = frozenset()
    subject: str = ""
    received: float = 0.0  # seconds; the clock of the receiving server
    is_own: bool = False  # verified as ours: it lies in Sent or carries our MAC
    authentication: str = "none"  # "pass", "fail" or "none"
    named_conversation: Hashable = None  # verified by a MAC in its identifiers
    conversation: Hashable = None  # where it already is


@dataclass
class Group:
    """Mails of one conversation: ``conversations`` has more than one item when they merge."""

    keys: list = field(default_factory=list)
    conversations: list = field(default_factory=list)
    claims: dict = field(default_factory=dict)  # key -> key of the mail it only claims to answer


@lru_cache(maxsize=4096)
def subject_key(subject: str | None) -> tuple[str, bool]:
    """Return the subject without prefixes, case and accents, and whether it answers something."""
    rest, replied = without_prefixes(subject)
    folded = rest.casefold()
    if not folded.isascii():
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return folded.strip(), replied


class Threader:
    """Group mails of one mailbox; the result does not depend on their order of arrival."""

    def __init__(self, mails: Iterable[Mail], own_addresses: Iterable[str]):
        self._own = frozenset(own_addresses)
        self._mails = {mail.key: mail for mail in mails}
        self._parent = {key: key for key in self._mails}
        self._by_id = defaultdict(list)
        self._quoting = defaultdict(list)
        self._by_conversation = defaultdict(list)
        self._by_subject = defaultdict(list)
        for mail in self._mails.values():
            self._register(mail)

    def _register(self, mail):
        if mail.message_id:
            self._by_id[mail.message_id].append(mail)
        for reference in mail.references:
            self._quoting[reference].append(mail)
        if mail.conversation is not None:
            self._by_conversation[mail.conversation].append(mail)
        key, replied = subject_key(mail.subject)
        if len(key) >= _MIN_SUBJECT:
            self._by_subject[key].append((mail, replied))

    def groups(self) -> list[Group]:
        """Return the conversations; each mail is in exactly one group."""
        for known in self._by_conversation.values():
            self._join(known)
        linked = {mail.key for mail in self._mails.values() if self._link_to_ancestor(mail)}
        for mail in self._mails.values():
            if mail.key not in linked:
                self._link_by_missing(mail)
        self._link_by_subject(linked)
        return self._collect()

    # --- links ---

    def _link_to_ancestor(self, mail):
        for reference in reversed(mail.references):
            for parent in self._by_id.get(reference, ()):
                if parent.key != mail.key and self._answers(mail, parent):
                    self._join([mail, parent])
                    return True
        return self._link_by_name(mail)

    def _link_by_name(self, mail):
        for other in self._by_conversation.get(mail.named_conversation, ()):
            if mail.is_own or self._takes_part(mail, other):
                self._join([mail, other])
                return True
        return False

    def _link_by_missing(self, mail):
        for reference in reversed(mail.references):
            if reference in self._by_id:
                continue
            for other in self._quoting[reference][:_MAX_SIBLINGS]:
                mutual = self._takes_part(mail, other) and self._takes_part(other, mail)
                if other.key != mail.key and mutual:
                    self._join([mail, other])
                    return

    def _link_by_subject(self, linked):
        for same in self._by_subject.values():
            if len(same) < 2:
                continue
            same.sort(key=lambda pair: pair[0].received)
            for position, (mail, replied) in enumerate(same):
                if replied and mail.key not in linked and self._is_first(mail):
                    self._link_to_latest(mail, same[:position])

    def _link_to_latest(self, mail, earlier):
        for other, _replied in reversed(earlier):
            if mail.received - other.received > SUBJECT_WINDOW:
                return
            if self._takes_part(mail, other) and self._takes_part(other, mail):
                self._join([mail, other])
                return

    def _is_first(self, mail):
        known = self._by_conversation.get(mail.conversation, ())
        return all(other.received >= mail.received for other in known)

    # --- who takes part ---

    def _answers(self, mail, parent):
        """Whether ``mail`` may hang under ``parent``.

        A forged parent must not catch the answers of a customer either: it is believed when its
        author takes part in the answer, or when the server had it first.
        """
        return self._takes_part(mail, parent) and (self._takes_part(parent, mail) or parent.received <= mail.received)

    def _takes_part(self, mail, other):
        """Whether the author of ``mail`` takes part in ``other``."""
        people = self._outsiders(other)
        if mail.is_own:
            mine = self._outsiders(mail)
            return bool(mine & people) or not (mine or people)
        if mail.authentication == "fail":
            return False
        if mail.sender in self._own:
            return mail.authentication == "pass"
        return mail.sender in people or (mail.authentication == "pass" and self._is_colleague(mail.sender, people))

    def _outsiders(self, mail):
        """The people of a mail; a forged one names no person, whomever it was addressed to."""
        if mail.authentication == "fail" and not mail.is_own:
            return frozenset()
        return (mail.recipients | {mail.sender}) - self._own - {""}

    def _is_colleague(self, address, people):
        domain = address.rpartition("@")[2]
        own_domains = {own.rpartition("@")[2] for own in self._own}
        if not domain or PUBLIC_DOMAIN.fullmatch(domain) or domain in own_domains:
            return False
        return any(other.rpartition("@")[2] == domain for other in people)

    # --- union-find ---

    def _root(self, key):
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key

    def _join(self, mails):
        roots = [self._root(mail.key) for mail in mails]
        for root in roots[1:]:
            self._parent[root] = roots[0]
            roots[0] = self._root(roots[0])

    def _collect(self):
        groups = defaultdict(Group)
        for key, mail in self._mails.items():
            group = groups[self._root(key)]
            group.keys.append(key)
            written_in = mail.named_conversation if mail.is_own else None  # a new mail is the first of its conversation
            for conversation in (mail.conversation, written_in):
                if conversation is not None and conversation not in group.conversations:
                    group.conversations.append(conversation)
        for group in groups.values():
            group.claims = self._claims(group)
        return list(groups.values())

    def _claims(self, group):
        members, claims = set(group.keys), {}
        for key in group.keys:
            mail = self._mails[key]
            known = [other for ref in reversed(mail.references) for other in self._by_id.get(ref, ())]
            refused = [other for other in known if other.key not in members]
            if refused and len(refused) == len(known):
                claims[key] = refused[0].key
        return claims
