"""Render, build and feed a window of a campaign's recipients."""

import contextlib
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from ..exceptions import EngineUnavailable
from . import verp
from .campaign_content import Content
from .campaign_message import MessageBuilder, Recipient
from .smtp_feeder import Outcome, Outgoing, SmtpFeeder
from .template_renderer import TemplateRenderer

BATCH = 60
FAILED = "failed"  # the message of this recipient cannot be rendered


class Addressee(NamedTuple):
    """A recipient as the journal gives it; variant: index of the subject."""

    id: int
    email: str
    first_name: str
    last_name: str
    attributes: dict
    variant: int


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

    def links(self, record_id, tracked=True):
        """URLs that the templates may use for one recipient."""
        person = self.token("unsubscribe", record_id)
        links = {
            "unsubscribe_url": f"{self.base_url}/engine/u/{person}",
            "preferences_url": f"{self.base_url}/engine/p/{person}",
        }
        if tracked:
            links["open_url"] = f"{self.base_url}/engine/o/{self.token('open', record_id)}.gif"
            links["click_url"] = f"{self.base_url}/engine/c/{self.token('click', record_id)}/"
        return links


class CampaignSender:
    """Sends windows of one chunk; built from scalars, so that it runs without a database."""

    def __init__(self, content: Content, builder: MessageBuilder, addresses: Addresses, common: dict, **parts):
        self._content = content
        self._builder = builder
        self._addresses = addresses
        self._common = {**common, **_dates(date.today())}
        self._tracked = "open_url" in content.html or "click_url" in content.html
        self._feeder: SmtpFeeder = parts["feeder"]
        self._renderer = parts.get("renderer") or TemplateRenderer()

    def send(self, addressees):
        """List of `Delivery`, in any order; raises `EngineUnavailable` when nothing was handed over."""
        deliveries = []
        for variant in sorted({one.variant for one in addressees}):
            self._send_variant([one for one in addressees if one.variant == variant], variant, deliveries)
        return deliveries

    def _send_variant(self, addressees, variant, deliveries):
        """While one batch is fed, the worker renders the next."""
        batches = [addressees[start : start + BATCH] for start in range(0, len(addressees), BATCH)]
        rows = [[self._values(one) for one in batch] for batch in batches]
        content = self._content
        rendered = self._renderer.render_batches(content.subjects[variant], content.html, content.text, rows)
        with contextlib.closing(rendered):
            for batch, values, (texts, errors) in zip(batches, rows, rendered, strict=True):
                deliveries += [Delivery(batch[index].id, FAILED, error["message"]) for index, error in errors.items()]
                self._feed(zip(batch, values, texts, strict=True), deliveries)

    def build(self, addressees):
        """The messages themselves, unsent; those that cannot be rendered are left out."""
        rows = [self._values(one) for one in addressees]
        content = self._content
        texts, _errors = self._renderer.render_batch(content.subjects[0], content.html, content.text, rows)
        return self._build(zip(addressees, rows, texts, strict=True))

    def _build(self, rendered):
        recipients = [self._recipient(one, row, *texts) for one, row, texts in rendered if texts is not None]
        return [Outgoing(one.key, one.sender, one.address, self._builder.build(one)) for one in recipients]

    def _feed(self, rendered, deliveries):
        messages = self._build(rendered)
        if not messages:
            return
        try:
            deliveries += [Delivery(*result) for result in self._feeder.feed(messages)]
        except EngineUnavailable as error:
            if not any(one.outcome != FAILED for one in deliveries):
                raise
            deliveries += [Delivery(one.key, Outcome.UNSENT, str(error)) for one in messages]

    def _recipient(self, one, row, subject, html, text):
        sender, message_id = self._addresses.identities(one.id)
        return Recipient(
            key=one.id,
            address=one.email,
            sender=sender,
            message_id=message_id,
            unsubscribe_url=row["unsubscribe_url"],
            subject=subject,
            html=html,
            text=text,
            to_name=row["to_name"],
        )

    def _values(self, one):
        """What the templates see: the contact's own values never replace the campaign's."""
        person = {"email": one.email, "first_name": one.first_name or "", "last_name": one.last_name or ""}
        person["to_name"] = f"{person['first_name']} {person['last_name']}".strip()
        links = self._addresses.links(one.id, self._tracked)
        return {**(one.attributes or {}), **person, **self._common, **links}


def _dates(today):
    return {
        "current_year": f"{today:%Y}",
        "current_month": f"{today:%m}",
        "current_day": f"{today:%d}",
        "current_date": f"{today:%d/%m/%Y}",
    }
