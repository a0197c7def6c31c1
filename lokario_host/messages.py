"""What supervisor, parent and children say to each other: one JSON object in each packet or line."""

import json
import socket

MAX_PACKET = 65536


def send(channel: socket.socket, message: dict, descriptors: tuple[int, ...] = ()) -> None:
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive(channel: socket.socket, count: int = 2) -> tuple[dict | None, list[int]]:
    """The next message and its open files; None when the other side is gone."""
    packet, descriptors, _flags, _address = socket.recv_fds(channel, MAX_PACKET, count)
    return (json.loads(packet) if packet else None), descriptors
