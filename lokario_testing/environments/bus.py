"""The message bus as a person's browser hears it."""

import json

import websocket

PATIENCE = 120  # seconds


class Bus:
    """``with Bus(client) as bus``: ``client`` is an OdooClient that is logged in; what is sent from now on is heard."""

    def __init__(self, client):
        self._client = client
        self._waiting = []

    def __enter__(self):
        self._socket = websocket.create_connection(
            f"{self._client.url.replace('http', 'ws', 1)}/websocket?version=19.0-2",
            host=self._client.host,
            cookie=self._client.cookie,
            origin=f"http://{self._client.host}",
            timeout=PATIENCE,
        )
        self._socket.send(json.dumps({"event_name": "subscribe", "data": {"channels": [], "last": 0}}))
        return self

    def __exit__(self, *_exc):
        self._socket.close()

    def next(self, kind: str) -> dict:
        """Wait for the next message of this kind; returns its payload."""
        while True:
            while self._waiting:
                message = self._waiting.pop(0)["message"]
                if message["type"] == kind:
                    return message["payload"]
            self._waiting = json.loads(self._socket.recv())
