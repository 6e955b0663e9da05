"""Bytes on the wire: an event encoded once as the WebSocket frame that every member of a room gets."""

import struct
from typing import Any

import orjson

_TEXT = 0x81
_BINARY = 0x82


def websocket_frame(payload: bytes, *, is_text: bool = True) -> bytes:
    """One final, unmasked frame (RFC 6455, server to client)."""
    first = _TEXT if is_text else _BINARY
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def event_frame(event: str, payload: dict[str, Any]) -> bytes:
    """A Socket.IO event on the default namespace (Engine.IO message 4, Socket.IO event 2) as a frame."""
    return websocket_frame(b'42["%b",%b]' % (event.encode(), orjson.dumps(payload)))
