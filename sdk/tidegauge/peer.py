"""What listens at an address, asked with plain sockets.

A client that gets no answer hears little of why: gRPC says UNAVAILABLE of a port that speaks HTTP, of one that wants
TLS, and of one where nobody listens. So the peer is asked itself. It is sent the preface of HTTP/2, which a gRPC server
answers by a frame of settings (RFC 9113, 3.4) and a web server by text; then a TLS handshake (RFC 8446). This costs up
to three connections, and is for the moment after a failure.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 - names of hosts need it, and importing it in a thread is no good where others fork
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Literal

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_FRAME: Final = 9  # bytes of a frame's head: length, type, flags, stream
_SETTINGS: Final = 4
_TEXTS: Final = (b"HTTP/", b"<")  # some servers answer a version that they do not know by the page alone


@dataclass(frozen=True, slots=True)
class Peer:
    """What was found.

    Attributes:
        state: the host's name is unknown, nobody listens, nothing answers, or somebody listens.
        protocol: what it speaks; empty where that is not known.
        tls: it wants TLS.
        distrust: why its certificate is not trusted; empty where it is.
        silent: it has said nothing, and may have ended the connection at once.
    """

    state: Literal["unknown_host", "refused", "unreachable", "listens"]
    protocol: Literal["http", "grpc", ""] = ""
    tls: bool = False
    distrust: str = ""
    silent: bool = False


def look(host: str, port: int, *, authorities: str | None = None, timeout: float = 1.0) -> Peer:
    """Look who listens at ``host`` and ``port``; never raises.

    Args:
        host: name or address, without brackets.
        port: of TCP.
        authorities: file of certificates that are trusted; the system's when left out.
        timeout: seconds that each of up to three connections may take.

    >>> with socket.create_server(("127.0.0.1", 0)) as free:
    ...     port = free.getsockname()[1]
    >>> look("127.0.0.1", port).state
    'refused'
    """
    try:
        with socket.create_connection((host, port), timeout) as connection:
            said = _first_words(connection)
    except (socket.gaierror, UnicodeError):
        return Peer("unknown_host")
    except ConnectionRefusedError:
        return Peer("refused")
    except (OSError, OverflowError):
        return Peer("unreachable")
    if len(said) >= _FRAME and said[3] == _SETTINGS:
        return Peer("listens", "grpc")
    agreed = _handshake(host, port, _trusting_all(), timeout)
    if agreed is not None:
        return Peer("listens", "grpc" if agreed == "h2" else "http", True, _distrust(host, port, authorities, timeout))
    return Peer("listens", "http" if said.startswith(_TEXTS) else "", silent=not said)


def _first_words(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(OSError):
        connection.sendall(_PREFACE)
        while len(said) < _FRAME and (more := connection.recv(64)):
            said += more
    return said


def _handshake(host: str, port: int, context: ssl.SSLContext, timeout: float) -> str | None:
    """The protocol agreed upon, empty where none is; None where there is no TLS."""
    try:
        return _agreed(host, port, context, timeout)
    except OSError:
        return None


def _distrust(host: str, port: int, authorities: str | None, timeout: float) -> str:
    try:
        _agreed(host, port, ssl.create_default_context(cafile=authorities), timeout)
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except OSError:
        return ""
    return ""


def _agreed(host: str, port: int, context: ssl.SSLContext, timeout: float) -> str:
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((host, port), timeout) as connection,
        context.wrap_socket(connection, server_hostname=host) as secure,
    ):
        return secure.selected_alpn_protocol() or ""


def _trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
