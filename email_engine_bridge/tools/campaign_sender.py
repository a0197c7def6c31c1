"""Render, build and feed a window of a campaign's recipients."""

import contextlib
import math
import re
import time
from dataclasses import dataclass
from typing import NamedTuple

from ..exceptions import EngineError
from . import verp
from .campaign_content import Content
from .campaign_message import MessageBuilder, Recipient
from .smtp_feeder import Outcome, Outgoing, SmtpFeeder
from .template_renderer import TemplateRenderer

BATCH = 60
_WEB_VERSION = re.compile(r"web_version_url|\[(?:WEB_VERSION_(?:URL|LINK)|CAMPAIGN_URL)\b")
FAILED = "failed"  # the message of this recipient cannot be rendered


class Addressee(NamedTuple):
    """A recipient as the journal gives it; variant: index of the subject; message_id: of a stream's message."""

    id: int
    email: str
    first_name: str
    last_name: str
    attributes: dict
    variant: int
    message_id: int | None = None


class Delivery(NamedTuple):
    """What happened to a recipient: an `Outcome` or "failed", and the answer."""

    id: int
    outcome: str
    answer: str


@dataclass(frozen=True)
class Addresses:
    """Where a campaign's messages point back to."""

    base_url: str
    bounce_domain: str
    secret: bytes

    def token(self, purpose, record_id):
        return verp.token(self.secret, purpose, record_id)

    def identities(self, record_id):
        """(envelope sender, Message-ID): always the same for a recipient, so the MTA's records can be found."""
        token = self.token("bounce", record_id)
        return verp.envelope_sender(token, self.bounce_domain), f"{token}@{self.bounce_domain}"

    def links(self, record_id, tracked=True, on_web=True):
        """URLs that the templates may use for one recipient."""
        person = self.token("unsubscribe", record_id)
        links = {
            "unsubscribe_url": f"{self.base_url}/engine/u/{person}",
            "preferences_url": f"{self.base_url}/engine/p/{person}",
        }
        if on_web:
            links["web_version_url"] = f"{self.base_url}/engine/w/{self.token('web', record_id)}"
        if tracked:
            links["open_url"] = f"{self.base_url}/engine/o/{self.token('open', record_id)}.gif"
            links["click_url"] = f"{self.base_url}/engine/c/{self.token('click', record_id)}/"
        return links


class CampaignSender:
    """Sends windows of one chunk; built from scalars, so that it runs without a database."""

    def __init__(self, content: Content, builder: MessageBuilder, addresses: Addresses, common: dict, today, **parts):
        """common: values of all recipients; today: the date where the tenant is."""
        self._content = content
        self._builder = builder
        self._addresses = addresses
        self._common = {**common, **_dates(today)}
        self._tracked = "open_url" in content.html or "click_url" in content.html
        self._on_web = bool(_WEB_VERSION.search(content.html) or _WEB_VERSION.search(content.text or ""))
        self._feeder: SmtpFeeder = parts["feeder"]
        self._renderer = parts.get("renderer") or TemplateRenderer()

    def send(self, addressees, deadline=math.inf):
        """List of `Delivery`, in any order; raises `EngineUnavailable` when nothing was handed over.

        After the deadline (`time.monotonic`) no more are begun: who is missing in the list got nothing.
        """
        deliveries = []
        for variant in sorted({one.variant for one in addressees}):
            self._send_variant([one for one in addressees if one.variant == variant], variant, deadline, deliveries)
        return deliveries

    def _send_variant(self, addressees, variant, deadline, deliveries):
        """While one batch is fed, the worker renders the next."""
        batches = [addressees[start : start + BATCH] for start in range(0, len(addressees), BATCH)]
        with contextlib.closing(self._render(variant, batches)) as rendered:
            for batch, rows, result in rendered:
                if deliveries and time.monotonic() > deadline:
                    return
                deliveries += [
                    Delivery(batch[index].id, FAILED, error["message"]) for index, error in result.errors.items()
                ]
                self._feed(batch, _until(deadline, self._build(batch, rows, result)), deliveries)

    def build(self, addressees):
        """The messages themselves, unsent; those that cannot be rendered are left out."""
        [rendered] = self._render(0, [addressees])
        return list(self._build(*rendered))

    def render(self, addressee):
        """[subject, HTML, text] of a recipient's message, or None when it cannot be rendered."""
        [(_batch, _rows, rendered)] = self._render(addressee.variant, [[addressee]])
        return rendered.texts[0]

    def _render(self, variant, batches):
        """Yield (addressees, their values, `Rendered`) of each batch."""
        content = self._content
        rows = [[self._values(one) for one in batch] for batch in batches]
        rendered = self._renderer.render_batches(
            content.subjects[variant], content.html, content.text, rows, self._common
        )
        with contextlib.closing(rendered):
            yield from zip(batches, rows, rendered, strict=True)

    def _build(self, batch, rows, rendered):
        """Yield each message when it is needed: the feeder asks for one while the server takes another."""
        if rendered.shapes:
            self._builder.fit(rendered.shapes)
        for one, row, values in zip(batch, rows, rendered.rows, strict=True):
            if values is not None:
                recipient = self._recipient(one, row)
                yield Outgoing(one.id, recipient.sender, one.email, self._builder.build(recipient, values))

    def _feed(self, batch, messages, deliveries):
        try:
            deliveries += [Delivery(*result) for result in self._feeder.feed(messages)]
        except EngineError as error:
            if not any(one.outcome != FAILED for one in deliveries):
                raise
            answered = {one.id for one in deliveries}
            deliveries += [Delivery(one.id, Outcome.UNSENT, str(error)) for one in batch if one.id not in answered]

    def _recipient(self, one, row):
        sender, message_id = self._addresses.identities(one.id)
        return Recipient(one.id, one.email, sender, message_id, row["unsubscribe_url"], row["to_name"])

    def _values(self, one):
        """What the templates see of a person, beside what is common: attributes replace nothing else."""
        person = {"email": one.email, "first_name": one.first_name or "", "last_name": one.last_name or ""}
        person["subscriber_uid"] = f"s{one.id}"
        person["email_name"], _at, person["email_domain"] = one.email.rpartition("@")
        person["to_name"] = f"{person['first_name']} {person['last_name']}".strip()
        links = self._addresses.links(one.id, self._tracked, self._on_web)
        return {**(one.attributes or {}), **person, **links}


def _until(deadline, messages):
    """The messages asked for before the deadline, the first one in any case."""
    for message in messages:
        yield message
        if time.monotonic() > deadline:
            return


def _dates(today):
    return {
        "current_year": f"{today:%Y}",
        "current_month": f"{today:%m}",
        "current_day": f"{today:%d}",
        "current_date": f"{today:%d/%m/%Y}",
    }
