"""MailWizz's REST API: lists, subscribers, templates, campaigns (vendor's OpenAPI of mailwizz-cli, 2026).

Bodies are form data, answers JSON with `status: success|error`; the key travels in X-Api-Key.
"""

import base64
from itertools import islice

import requests

from odoo.addons.lokario_base.tools.pinned_http import DestinationRefused, pin_public, pinned_session

from ..exceptions import EngineRejected, EngineUnavailable, SubscriberRejected
from .finding import translatable as _

TIMEOUT = 30  # seconds to connect and between two packets of the answer
MAX_ANSWER = 8 * 1024 * 1024
CONFLICT = 409
NOT_FOUND = 404
PERSONAL = (400, CONFLICT, 422)  # refusals of a subscriber that are about the address
PAGE = 100  # records a call asks for
LONG_PAGE = 10  # where each has its whole body
SEARCHED = 1000  # transactional emails among which one that a crash left is looked for, the newest first


class MailWizzClient:
    """Built from scalars; every method returns the decoded answer of one call or raises."""

    def __init__(self, base_url, api_key, pin=pin_public):
        self._session = pinned_session(pin)
        self._base = base_url.rstrip("/")
        self._headers = {"X-Api-Key": api_key, "Accept": "application/json"}

    def create_list(self, name, description, from_name, from_email, reply_to, company):
        """uid of a new list. company: {name, country, address_1, city, zip_code…}."""
        data = _form("general", {"name": name, "description": description})
        data |= _form("defaults", {"from_name": from_name, "from_email": from_email, "reply_to": reply_to})
        data |= _form("company", company)
        return self._call("POST", "/lists", data)["list_uid"]

    def upsert_subscriber(self, list_uid, email, fields):
        """uid of the subscriber; one that exists already is updated, so a repeated call is harmless.

        Raises `SubscriberRejected` when MailWizz does not take this address: it is invalid, or on its blacklist.
        """
        data = {"EMAIL": email, **fields}
        try:
            return self._call("POST", f"/lists/{list_uid}/subscribers", data)["data"]["record"]["subscriber_uid"]
        except _Refused as error:
            if error.status == CONFLICT:
                return self._update_subscriber(list_uid, email, data)
            if error.status in PERSONAL:
                raise SubscriberRejected(str(error)) from error
            raise

    def _update_subscriber(self, list_uid, email, data):
        try:
            found = self._call("GET", f"/lists/{list_uid}/subscribers/search-by-email", {"EMAIL": email})
            uid = found["data"]["subscriber_uid"]
            self._call("PUT", f"/lists/{list_uid}/subscribers/{uid}", data)
        except _Refused as error:
            if error.status in (NOT_FOUND, *PERSONAL):  # known there, yet not in the list: blacklisted
                raise SubscriberRejected(str(error)) from error
            raise
        return uid

    def unsubscribed(self, list_uid):
        """Yield the addresses that left the list."""
        for record in self._records(f"/lists/{list_uid}/subscribers", status="unsubscribed"):
            yield record["EMAIL"]

    def create_template(self, name, html):
        """uid of a new template."""
        data = _form("template", {"name": name, "content": _base64(html)})
        return self._call("POST", "/templates", data)["template_uid"]

    def create_campaign(self, list_uid, values, template_uid, text, *, track_clicks):
        """uid of a new regular campaign.

        values: name, from_name, from_email, subject, reply_to, send_at (`YYYY-MM-DD HH:MM:SS`, on the
        clock of MailWizz's customer). text: the plain-text part.
        """
        data = _form("campaign", {**values, "type": "regular", "list_uid": list_uid})
        data |= _form("campaign][template", {"template_uid": template_uid, "plain_text": _base64(text)})
        data |= _form("campaign][options", {"url_tracking": "yes" if track_clicks else "no"})
        return self._call("POST", "/campaigns", data)["campaign_uid"]

    def pause_or_resume(self, campaign_uid):
        return self._call("PUT", f"/campaigns/{campaign_uid}/pause-unpause", {})["campaign"]["status"]

    def campaign_status(self, campaign_uid):
        """MailWizz's word: draft, pending-sending, processing, sending, paused, sent, blocked…"""
        return self._call("GET", f"/campaigns/{campaign_uid}", {})["data"]["record"]["status"]

    def campaign_progress(self, campaign_uid):
        """(MailWizz's word for its state, whether all of its subscribers were written to)."""
        stats = self._call("GET", f"/campaigns/{campaign_uid}/stats", {})["data"]
        return stats["campaign_status"], int(stats["processed_count"]) >= int(stats["subscribers_count"])

    def find_campaign(self, name):
        """uid of the campaign of this name, or None: how a crash between two calls is repaired."""
        return next((one["campaign_uid"] for one in self._records("/campaigns") if one["name"] == name), None)

    def find_template(self, name):
        """uid of the template of this name, or None."""
        return next((one["template_uid"] for one in self._records("/templates") if one["name"] == name), None)

    def create_email(self, values, html, text):
        """uid of a new transactional email; raises `SubscriberRejected` when MailWizz does not take it.

        values: to_email, to_name, from_name, from_email, reply_to_email, subject, send_at (UTC, `YYYY-MM-DD HH:MM:SS`).
        """
        data = _form("email", {**values, "body": _base64(html), "plain_text": _base64(text)})
        try:
            return self._call("POST", "/transactional-emails", data)["email_uid"]
        except _Refused as error:
            if error.status in PERSONAL:
                raise SubscriberRejected(str(error)) from error
            raise

    def find_email(self, address, mark):
        """uid of the transactional email to this address whose body has the mark, or None: as `find_campaign`."""
        emails = islice(self._records("/transactional-emails", per_page=LONG_PAGE), SEARCHED)
        return next(
            (one["email_uid"] for one in emails if one["to_email"] == address and mark in _unpacked(one["body"])), None
        )

    def email_status(self, email_uid):
        """MailWizz's word: unsent, sent, failed."""
        return self._call("GET", f"/transactional-emails/{email_uid}", {})["data"]["record"]["status"]

    def _records(self, path, per_page=PAGE, **filters):
        """Yield the records of all pages."""
        page = 1
        while page:
            data = self._call("GET", path, {**filters, "page": page, "per_page": per_page})["data"]
            yield from data["records"]
            page = int(data.get("next_page") or 0)

    def _call(self, method, path, data):
        arguments = {"params": data} if method == "GET" else {"data": data}
        headers = dict(self._headers)
        if method == "PUT":
            headers["X-HTTP-Method-Override"] = method
        try:
            response = self._session.request(
                method, self._base + path, headers=headers, timeout=TIMEOUT, allow_redirects=False, **arguments
            )
        except DestinationRefused as error:
            raise EngineRejected(f"MailWizz: {error}") from error
        except requests.RequestException as error:
            raise EngineUnavailable(_("MailWizz does not answer: %(error)s"), error=type(error).__name__) from error
        return self._decode(response)

    def _decode(self, response):
        if response.status_code >= 500 or response.status_code == 429:
            raise EngineUnavailable(_("MailWizz answers %(status)s"), status=response.status_code)
        try:
            answer = response.json() if len(response.content) <= MAX_ANSWER else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise EngineRejected(
                _("MailWizz answers %(status)s without JSON; is the address its API?"), status=response.status_code
            )
        if not response.ok or answer.get("status") != "success":
            raise _Refused(f"MailWizz refuses: {str(answer.get('error') or answer)[:300]}", response.status_code)
        return answer


class _Refused(EngineRejected):
    """Answered with an error; status: that of HTTP."""

    def __init__(self, text, status):
        super().__init__(text)
        self.status = status


def _form(prefix, values):
    return {f"{prefix}][{name}]".replace("][", "[", 1): value for name, value in values.items()}


def _unpacked(body):
    """A body as MailWizz lists it: in base64, or as it is."""
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError:
        return body


def _base64(text):
    return base64.b64encode(text.encode()).decode()
