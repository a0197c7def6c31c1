"""Bodies that routes read themselves: any format, with a limit."""

from fastapi import Request

from ..exceptions import ApiProblem

MAX_BODY = 64 * 1024 * 1024  # bytes


async def raw_body(request: Request) -> bytes:
    """The body as it came; refused unread when it announces more than 64 MiB, or as soon as it has more."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise _too_large()
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


def _too_large():
    return ApiProblem(413, f"Send at most {MAX_BODY} bytes in one call.")
