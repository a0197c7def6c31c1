"""MailWizz campaign webhooks (knowledge base, "campaign webhooks"): unsigned JSON, opens and clicks only."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

from ..exceptions import EngineRejected
from .json_shape import check_json_shape

TYPES = {"campaign-open": "open", "open": "open", "campaign-click": "click", "click": "click"}


class MailWizzEvent(NamedTuple):
    type: str
    time: str  # UTC
    campaign_uid: str
    email: str
    url: str
    key: str


def read_mailwizz_events(body):
    """Events of a body (bytes) that is one object or an array of them."""
    check_json_shape(body)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise EngineRejected(f"The JSON cannot be read: {error}") from error
    return [_read_event(one) for one in (data if isinstance(data, list) else [data])]


def _read_event(data):
    try:
        event = data["event"]
        kind = TYPES[event["type"]]
        uid = str(data["campaign"]["attributes"]["campaign_uid"])
        email = str(data["subscriber"]["attributes"]["email"]).replace("\0", "").strip().lower()
        time = _read_time(event.get("date_added") or data["timestamp"])
        url = str(event.get("url") or "").replace("\0", "")[:2000]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EngineRejected(f"This is no MailWizz campaign event: {error!r}") from error
    digest = blake2b("\0".join(("mailwizz", kind, time, uid, email, url)).encode(), digest_size=16).digest()
    return MailWizzEvent(kind, time, uid, email, url, b64encode(digest, b"-_")[:22].decode())


def _read_time(value):
    if isinstance(value, int | float) or str(value).isdigit():
        moment = datetime.fromtimestamp(float(value), UTC)
    else:
        moment = datetime.fromisoformat(str(value))
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.strftime("%Y-%m-%d %H:%M:%S")
