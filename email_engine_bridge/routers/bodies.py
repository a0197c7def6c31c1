"""Bodies that routes read themselves: any format, with a limit."""

from fastapi import Request

from ..exceptions import ApiProblem

MAX_BODY = 64 * 1024 * 1024  # bytes


async def raw_body(request: Request) -> bytes:
    """The body as it came; refused before it is read when it announces more than 64 MiB."""
    try:
        announced = int(request.headers.get("content-length") or 0)
    except ValueError:
        announced = 0
    if announced > MAX_BODY:
        raise ApiProblem(413, f"Send at most {MAX_BODY} bytes in one call.")
    return await request.body()
