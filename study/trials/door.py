"""Whether a Dask scheduler listens at an address, found out before a client waits for it.

What it guarantees: an answer within the seconds given, whatever listens there. A client of Dask
waits for ever on a server that accepts and says nothing, as a web server does.
"""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

LARGEST_GREETING = 1 << 20  # bytes that a scheduler tells of in its first eight


def knock(address: str, seconds: float) -> None:
    """Return where a scheduler of Dask greets; other protocols than ``tcp`` and ``tls`` are let by.

    Raises
    ------
    OSError
        If nothing listens there, or something else.
    """
    place = urlsplit(address if "://" in address else f"tcp://{address}")
    if place.scheme not in ("tcp", "tls"):
        return
    with socket.create_connection((place.hostname, place.port), timeout=seconds) as plain:
        if place.scheme == "tcp":
            _check_greeting(plain)
            return
        # Whose certificate it is, the client asks; here only whether TLS is spoken.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain):
            pass


def _check_greeting(connection: socket.socket) -> None:
    """Refuse who does not begin, as Dask does at once, with the length of a short message."""
    try:
        first = connection.recv(8)
    except TimeoutError:
        raise ConnectionError("something else than a Dask scheduler listens there") from None
    if not 0 < int.from_bytes(first, "little") < LARGEST_GREETING:
        raise ConnectionError("something else than a Dask scheduler answers there")
