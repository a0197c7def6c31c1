"""The child's side of a `FencedProcess`: reads requests on stdin, answers on stdout, behind limits it cannot lift.

Imports the standard library alone; so does everything of an addon that such a child imports, Odoo is not there.
"""

import gc
import json
import os
import resource
import struct
import sys
from collections.abc import Callable

_HEAD = struct.Struct("!II")
HEAD_SIZE = _HEAD.size  # bytes


def pack_frame(document: dict, blob: bytes = b"") -> bytes:
    """Return one message of either side: two lengths, JSON, bytes."""
    text = json.dumps(document, default=str).encode()
    return _HEAD.pack(len(text), len(blob)) + text + blob


def unpack_header(head: bytes) -> tuple[int, int]:
    """Return the lengths in bytes of the JSON and of what follows it."""
    return _HEAD.unpack(head)


def serve(answer: Callable[[dict, bytes], tuple[dict, bytes]]) -> None:
    """Answer requests until the parent closes the pipe: ``answer(document, blob)`` returns the same two."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(HEAD_SIZE)) == HEAD_SIZE:
        text, blob = unpack_header(head)
        request = json.loads(source.read(text))
        sink.write(pack_frame(*answer(request, source.read(blob))))
        sink.flush()


def raise_fence(memory: int, opens_files: bool = False) -> None:
    """Give up, for good, memory beyond ``memory`` bytes above what is used now, writing, new processes, core dumps.

    :param opens_files: reading files stays possible, for libraries that load their parts when they need them
    """
    os.chdir("/")
    gc.freeze()
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory,) * 2)
    limits = [resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC]
    for limit in limits if opens_files else [*limits, resource.RLIMIT_NOFILE]:
        resource.setrlimit(limit, (0, 0))
