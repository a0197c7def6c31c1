"""Measure in a child process: Odoo keeps one configuration and one addons path for the life of a process."""

import json
import os
import traceback
from collections.abc import Callable


def in_a_child(function: Callable[..., dict], *arguments) -> dict:
    """Return what function(*arguments) returned in a forked child; what it raises is printed there."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, json.dumps(function(*arguments)).encode())
        except BaseException:  # noqa: BLE001 - the child ends here, whatever happened
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    if not answer:
        raise RuntimeError(f"{function.__name__} failed in its process")
    return json.loads(answer)
