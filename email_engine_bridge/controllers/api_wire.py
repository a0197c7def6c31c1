"""How a body travels: gzip in both directions, ETags."""

import gzip
import zlib

from odoo.http import request
from werkzeug.http import parse_accept_header

from ..exceptions import ApiProblem

UNPACKED = "email_engine.unpacked"  # in the environment of a call whose body was compressed
WORTH_IT = 1024  # bytes from which an answer is compressed
COMPRESSIBLE = ("application/json", "application/problem+json", "text/")


def unpack(body, limit):
    """Return a body that came with `Content-Encoding: gzip` unpacked, and put it where FastAPI reads it."""
    encoding = request.httprequest.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise ApiProblem(415, "Send the body as it is, or with Content-Encoding: gzip.")
    environ = request.httprequest.environ
    if UNPACKED not in environ:  # Odoo makes a call again after a lost race
        body = _inflate(body, limit)
        request.httprequest._HTTPRequest__wrapped._cached_data = body
        environ[UNPACKED] = True
    return body


def _inflate(body, limit):
    data, pieces = body, []
    try:
        while data:
            inflate = zlib.decompressobj(wbits=31)
            pieces.append(inflate.decompress(data, limit + 1 - sum(map(len, pieces))))
            if sum(map(len, pieces)) > limit:
                raise ApiProblem(413, f"Send at most {limit} bytes in one call.")
            if not inflate.eof:
                raise ApiProblem(422, "The compressed body is cut short.")
            data = inflate.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise ApiProblem(422, "The compressed body is damaged.") from error
    return b"".join(pieces)


def pack(response):
    """Give the answer its ETag, and compress it where the caller takes that."""
    httprequest = request.httprequest
    response.headers.add("Vary", "Accept-Encoding")
    if httprequest.method in ("GET", "HEAD") and response.status_code == 200:
        response.add_etag(weak=True)
        response.headers["Cache-Control"] = "private, no-cache"
        response = response.make_conditional(httprequest.environ)
    if response.status_code == 304:
        return response
    is_text = response.headers.get("Content-Type", "").startswith(COMPRESSIBLE)
    if is_text and len(body := response.get_data()) >= WORTH_IT and _takes_gzip(httprequest):
        response.set_data(gzip.compress(body, 5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _takes_gzip(httprequest):
    return parse_accept_header(httprequest.headers.get("Accept-Encoding")).quality("gzip") > 0
