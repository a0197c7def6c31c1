"""An application served by the process that asks it."""

import threading
from contextlib import contextmanager

from werkzeug.serving import make_server


@contextmanager
def serving(application):
    """Serve a WSGI ``application`` on a free port of loopback; yields ``(address, port)``."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[:2]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
