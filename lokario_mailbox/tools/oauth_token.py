"""Renewing an OAuth 2 access token (RFC 6749, section 6) without a record at hand."""

import time

import requests

from ..exceptions import ConsentRevoked, NetworkFailure

TIMEOUT = 10  # seconds
AHEAD = 120  # seconds: a token is renewed this long before its end


def is_fresh(access_token, expires_at):
    """True while the token can be used for another AHEAD seconds."""
    return bool(access_token) and expires_at - AHEAD > time.time()


def renew(source):
    """(access token, refresh token, expiry as a timestamp) from a TokenSource.

    The refresh token is the new one when the provider rotates it (Microsoft does each time).
    Raises ConsentRevoked (the user must connect again) or NetworkFailure (try later).
    """
    data = {**source.fields, "grant_type": "refresh_token", "refresh_token": source.refresh_token}
    try:
        response = requests.post(source.url, data=data, timeout=TIMEOUT, allow_redirects=False)
        answer = response.json() if response.content else {}
    except (requests.RequestException, ValueError) as err:
        raise NetworkFailure("The provider's login service does not answer.") from err
    if response.status_code in (400, 401, 403):
        raise ConsentRevoked("The provider no longer accepts the authorisation: connect again.")
    if not response.ok or not isinstance(answer, dict) or not answer.get("access_token"):
        raise NetworkFailure("The provider's login service is out of order.")
    expires_at = int(time.time()) + int(answer.get("expires_in") or 3600)
    return answer["access_token"], answer.get("refresh_token") or source.refresh_token, expires_at
