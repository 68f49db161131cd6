"""When to come again: ``google.rpc.RetryInfo`` in the trailers of a refused call.

OTLP lets a client send again what was refused with ``UNAVAILABLE``. A delay in the answer spreads the clients out
instead of having them all knock at once. Go reads it from ``grpc-status-details-bin``, the status of richer errors;
OpenTelemetry's Python exporter from a trailer named after the message. A server must therefore write both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # it is sent without types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

STATUS_TRAILER: Final = "grpc-status-details-bin"
"""Trailer with a ``google.rpc.Status``."""
RETRY_TRAILER: Final = "google.rpc.retryinfo-bin"
"""Trailer with a bare ``google.rpc.RetryInfo``."""


def write(code: int, message: str, delay: float) -> tuple[tuple[str, bytes], ...]:
    """Trailers that ask the client to wait ``delay`` seconds.

    Args:
        code: number of the gRPC status that the call ends with.
        message: its message.
        delay: seconds.

    Example:
        >>> read(write(14, "busy", 2.5))
        2.5
    """
    info = RetryInfo()
    info.retry_delay.FromNanoseconds(round(delay * 1e9))
    status = Status(code=code, message=message)
    status.details.add().Pack(info)
    return ((STATUS_TRAILER, status.SerializeToString()), (RETRY_TRAILER, info.SerializeToString()))


def read(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Delay in seconds that a server asks for; None when it does not, which for some statuses means: never again.

    >>> read([("grpc-status-details-bin", b"not protobuf")]) is None
    True
    """
    found = dict(trailers)
    for trailer in (STATUS_TRAILER, RETRY_TRAILER):
        value = found.get(trailer)
        if isinstance(value, bytes):
            try:
                info = _from_status(value) if trailer == STATUS_TRAILER else RetryInfo.FromString(value)
            except DecodeError:
                continue
            if info is not None:
                delay: int = info.retry_delay.ToNanoseconds()
                return max(0.0, delay / 1e9)
    return None


def _from_status(value: bytes) -> RetryInfo | None:
    info = RetryInfo()
    for detail in Status.FromString(value).details:
        if detail.Unpack(info):
            return info
    return None
