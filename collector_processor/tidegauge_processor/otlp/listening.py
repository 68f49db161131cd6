"""Why a server cannot listen where it should.

gRPC only says that binding failed. Trying the same with a plain socket tells the reason.
"""

from __future__ import annotations

import socket


def why_not(endpoint: str) -> str:
    """Reason why nothing can be bound to ``endpoint`` (``host:port``), in a few words.

    >>> why_not("no-port-here")
    'it is not of the form host:port'
    >>> with socket.create_server(("127.0.0.1", 0)) as other:
    ...     why_not("127.0.0.1:%d" % other.getsockname()[1])
    'address already in use'
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 0xFFFF:
        return "it is not of the form host:port"
    try:
        addresses = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in addresses:
            with socket.socket(family, kind, protocol) as attempt:
                attempt.bind(address)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "the address cannot be bound"
