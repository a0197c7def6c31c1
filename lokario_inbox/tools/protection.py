"""Whether a mail is encrypted or signed (S/MIME, RFC 8551; OpenPGP, RFC 3156 and in the text): said, not verified."""

import re

from .mail_part import read_mail

_ENVELOPES = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
_PGP = re.compile(r"-----BEGIN PGP (SIGNED )?MESSAGE-----")
HEADERS_MAX = 64 * 1024  # characters


def protection(headers, media_types, text):
    """Return "encrypted", "signed" or "" for a mail: its header fields, the types of its files, its words."""
    head = read_mail((headers or "")[:HEADERS_MAX].encode("utf-8", "surrogateescape"))
    kind, types = head.media_type, {head.media_type, *media_types}
    pgp = _PGP.match((text or "").lstrip()[:100])
    if kind == "multipart/encrypted" or "application/pgp-encrypted" in types or (pgp and not pgp[1]):
        return "encrypted"
    if types & _ENVELOPES:  # what is only signed was opened: its words are here
        return "signed" if (text or "").strip() else "encrypted"
    return "signed" if kind == "multipart/signed" or types & _SIGNATURES or pgp else ""
