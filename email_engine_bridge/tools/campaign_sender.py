"""Render, build and feed a window of a campaign's recipients."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from . import verp
from .campaign_content import Content
from .campaign_message import MessageBuilder, Recipient
from .smtp_feeder import Outgoing, SmtpFeeder
from .template_renderer import TemplateRenderer

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

    def message_id(self, record_id):
        """Always the same for a recipient: what the MTA wrote down can be found again."""
        return f"{self.token('message', record_id)}@{self.bounce_domain}"

    def sender(self, record_id):
        return verp.envelope_sender(self.token("bounce", record_id), self.bounce_domain)

    def links(self, record_id):
        """URLs that the templates may use for one recipient."""
        person = self.token("unsubscribe", record_id)
        return {
            "unsubscribe_url": f"{self.base_url}/engine/u/{person}",
            "preferences_url": f"{self.base_url}/engine/p/{person}",
            "open_url": f"{self.base_url}/engine/o/{self.token('open', record_id)}.gif",
            "click_url": f"{self.base_url}/engine/c/{self.token('click', record_id)}/",
        }


class CampaignSender:
    """Sends windows of one chunk; built from scalars, so that it runs without a database."""

    def __init__(self, content: Content, builder: MessageBuilder, addresses: Addresses, common: dict, **parts):
        self._content = content
        self._builder = builder
        self._addresses = addresses
        self._common = {**common, **_dates(date.today())}
        self._feeder: SmtpFeeder = parts["feeder"]
        self._renderer = parts.get("renderer") or TemplateRenderer()

    def send(self, addressees):
        """List of `Delivery`, in any order; raises `EngineUnavailable` when nothing was handed over."""
        deliveries, recipients = [], []
        for variant in sorted({one.variant for one in addressees}):
            self._render([one for one in addressees if one.variant == variant], variant, deliveries, recipients)
        messages = [Outgoing(one.key, one.sender, one.address, self._builder.build(one)) for one in recipients]
        if messages:
            deliveries += [Delivery(*result) for result in self._feeder.feed(messages)]
        return deliveries

    def _render(self, addressees, variant, deliveries, recipients):
        subject = self._content.subjects[variant]
        rows = [self._values(one) for one in addressees]
        texts, errors = self._renderer.render_batch(subject, self._content.html, self._content.text, rows)
        for index, (one, row, rendered) in enumerate(zip(addressees, rows, texts, strict=True)):
            if rendered is None:
                deliveries.append(Delivery(one.id, FAILED, errors[index]["message"]))
            else:
                recipients.append(self._recipient(one, row, *rendered))

    def _recipient(self, one, row, subject, html, text):
        return Recipient(
            key=one.id,
            address=one.email,
            sender=self._addresses.sender(one.id),
            message_id=self._addresses.message_id(one.id),
            unsubscribe_url=row["unsubscribe_url"],
            subject=subject,
            html=html,
            text=text,
            to_name=" ".join(filter(None, (one.first_name, one.last_name))),
        )

    def _values(self, one):
        """What the templates see: the contact's own values never replace the campaign's."""
        person = {"email": one.email, "first_name": one.first_name or "", "last_name": one.last_name or ""}
        person["to_name"] = f"{person['first_name']} {person['last_name']}".strip()
        return {**(one.attributes or {}), **person, **self._common, **self._addresses.links(one.id)}


def _dates(today):
    return {
        "current_year": f"{today:%Y}",
        "current_month": f"{today:%m}",
        "current_day": f"{today:%d}",
        "current_date": f"{today:%d/%m/%Y}",
    }
