"""Standard Webhooks signatures (standardwebhooks.com, specification 1.0.0).

`webhook-signature: v1,base64(HMAC-SHA256(secret, "id.timestamp.body"))`; several signatures, for the
rotation of secrets, are separated by a space.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time

PREFIX = "whsec_"
MAX_SIGNATURES = 10  # of one delivery, while its secret is rotated
TOLERANCE = 300  # seconds the two clocks may differ, both ways


class BadSecret(ValueError):
    """A secret that is none: no delivery can be signed or verified with it."""


class BadSignature(Exception):
    """The delivery is not signed by one of the known secrets, or is too old."""


def new_secret():
    """`whsec_` and 24 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()


def sign(secret, message_id, timestamp, body):
    """The value of webhook-signature for a raw body (bytes) and a unix time."""
    content = f"{message_id}.{int(timestamp)}.".encode() + body
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secrets_, message_id, body, now=None):
    """The three headers of a delivery, signed with each of the secrets."""
    timestamp = int(time.time() if now is None else now)
    signatures = (sign(secret, message_id, timestamp, body) for secret in secrets_)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(secrets_, headers_, body, now=None):
    """Return the id of a delivery signed by one of the secrets, or raise `BadSignature`.

    headers_: any mapping with lower-case names.
    """
    message_id, given, timestamp = _read_headers(headers_, now)
    known = [sign(secret, message_id, timestamp, body).encode() for secret in secrets_]
    matches = [hmac.compare_digest(ours, theirs.encode()) for ours in known for theirs in given]
    if not any(matches):
        raise BadSignature("The signature does not match")
    return message_id


def is_fresh(headers_, now=None):
    """Whether the headers could belong to a delivery of these minutes; the body may still not match."""
    try:
        _read_headers(headers_, now)
    except BadSignature:
        return False
    return True


def _read_headers(headers_, now):
    """Return (id, signatures, timestamp), or raise `BadSignature`."""
    message_id = headers_.get("webhook-id") or ""
    given = (headers_.get("webhook-signature") or "").split()
    try:
        timestamp = int(headers_.get("webhook-timestamp") or "")
    except ValueError:
        raise BadSignature("The webhook-timestamp header is missing or no number") from None
    if not message_id or not given or len(message_id) > 256:
        raise BadSignature("The webhook-id or webhook-signature header is missing")
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE:
        raise BadSignature("The delivery is older or newer than five minutes")
    return message_id, given[:MAX_SIGNATURES], timestamp


def _key(secret):
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSecret("A webhook secret is whsec_ followed by base64") from error
