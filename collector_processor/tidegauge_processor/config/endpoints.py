"""Network endpoints as gRPC wants them: ``host:port``, an IPv6 address between brackets."""

from __future__ import annotations

import re
from typing import Final

_ENDPOINT: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.%\w]+\]|[^\s:/\[\]]*):(?P<port>\d{1,5})", re.ASCII)
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?P<rest>[^/]*)/?.*")


def check_endpoint(endpoint: str, *, to_send: bool = False) -> str:
    """Return ``endpoint`` when it can be one.

    Args:
        endpoint: ``host:port``; port 0, a free one, only to listen on.
        to_send: whether it is an address to send to.

    Raises:
        ValueError: it cannot; the message says how to write it.

    >>> check_endpoint("[::1]:4317")
    '[::1]:4317'
    >>> check_endpoint("http://collector:4317", to_send=True)
    Traceback (most recent call last):
    ...
    ValueError: gRPC wants no scheme and no path: write collector:4317
    """
    scheme = _SCHEME.fullmatch(endpoint)
    if scheme:
        rest = scheme["rest"] or "localhost"
        raise ValueError(f"gRPC wants no scheme and no path: write {rest if ':' in rest else f'{rest}:4317'}")
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None:
        example = f"{endpoint}:4317" if re.fullmatch(r"[\w.-]+", endpoint) and not endpoint.isdecimal() else ""
        raise ValueError(f"{endpoint!r} is not host:port: write it like {example or '127.0.0.1:4317'}")
    if not found["host"]:
        everywhere = "" if to_send else f", or 0.0.0.0:{found['port']} to be reached from elsewhere"
        raise ValueError(f"{endpoint!r} names no host: write 127.0.0.1:{found['port']}{everywhere}")
    if not to_send <= int(found["port"]) <= 65_535:
        raise ValueError(f"there is no port {int(found['port'])}: write one from {int(to_send)} to 65535")
    return endpoint
