"""The gRPC server for OTLP: bytes in, acknowledgement out.

Python's gRPC server answers its own troubles in ways that make OTLP clients drop data: ``UNKNOWN`` when a handler
raises, ``INTERNAL`` when a message does not parse, ``RESOURCE_EXHAUSTED`` when it is busy. So requests come in as raw
bytes, everything that happens to them happens here, and each end is one of four:

==================================================  ===================================  =====================
what happened                                       status                               what clients do
==================================================  ===================================  =====================
taken, durable                                      ``OK``, with ``partial_success``     forget it
                                                    when records had to be left out
not OTLP (``WireError``)                            ``INVALID_ARGUMENT``                 drop it
too much in work, or storage fails, or our mistake  ``UNAVAILABLE`` with ``RetryInfo``   send it again
larger than the limit, after decompression too      ``RESOURCE_EXHAUSTED``, by gRPC      drop it
==================================================  ===================================  =====================

gzip and uncompressed requests are understood; zstd and snappy are unknown to Python's gRPC.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NoReturn

import grpc

from tidegauge import semconv
from tidegauge.errors import ConfigurationError, StorageError, WireError
from tidegauge_processor.counter import UNCOUNTED, Counter
from tidegauge_processor.otlp import responses, retry_info
from tidegauge_processor.otlp.admission import Admission
from tidegauge_processor.otlp.health import Health
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import reason_of
from tidegauge_processor.otlp.listening import why_not

ENDPOINT_KEY: Final = "receiver.endpoint"
"""Where the configuration says what to listen on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReceiverLimits:
    """What one server takes.

    Attributes:
        message_bytes: largest request, after decompression; 64 MiB is OTLP's own figure.
        in_flight_bytes: requests in work at once. Counted when a request has been read, as its size is not known
            before; until then each worker may hold one.
        workers: threads, and so the most requests that can share a commit.
        keepalive_min_time: seconds between pings of an idle client; one that pings more often is disconnected.
        retry_delay: shortest and longest time, in seconds, after which a refused client shall come again.
    """

    message_bytes: int = 64 * 2**20
    in_flight_bytes: int = 256 * 2**20
    workers: int = 32
    keepalive_min_time: float = 10.0
    retry_delay: tuple[float, float] = (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request was taken.

    Attributes:
        rejected: number of its records (spans, points or log records) that had to be left out.
        reason: why, for the people who sent them.
    """

    rejected: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Refused:
    code: grpc.StatusCode
    reason: str
    message: str


class Receiver:
    """Serves OTLP/gRPC and ``grpc.health.v1`` on one port.

    Args:
        endpoint: ``host:port``; port 0 takes a free one.
        accept: takes a request durably. Raises ``WireError`` when it is not what it should be, ``StorageError`` when
            it cannot be kept. Called on many threads, never with an empty request.
        limits: how much is taken.
        counter: counts requests, taken and refused.
    """

    def __init__(
        self,
        endpoint: str,
        accept: Callable[[SignalKind, bytes], Accepted],
        *,
        limits: ReceiverLimits | None = None,
        counter: Counter = UNCOUNTED,
    ) -> None:
        self._endpoint = endpoint
        self._accept = accept
        self._limits = limits or ReceiverLimits()
        self._counter = counter
        self._admission = Admission(self._limits.in_flight_bytes)
        self._delays = random.Random()
        self._calls = _Calls()
        self._workers = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="tidegauge-receiver")
        self._health = Health(("", *(kind.service for kind in SignalKind)))
        self._server = grpc.server(self._workers, options=_options(self._limits))
        self._server.add_generic_rpc_handlers([self._health.handlers, *map(self._handlers, SignalKind)])

    def start(self) -> int:
        """Listen; returns the port.

        Raises:
            ConfigurationError: it is not possible to listen there, because another program does, for example.
        """
        try:
            port = self._server.add_insecure_port(self._endpoint)
        except RuntimeError as error:
            self._workers.shutdown()
            self._health.close()
            raise ConfigurationError(
                f"cannot listen on {self._endpoint}: {why_not(self._endpoint)}; change {ENDPOINT_KEY}"
            ) from error
        self._server.start()
        return port

    def stop(self, grace: float) -> None:
        """Say that it is over, finish the requests in work, and stop.

        Args:
            grace: seconds that they may take. Requests not finished by then are cut off, so their clients send again.
        """
        self._health.not_serving()
        stopped = self._server.stop(grace)
        if self._calls.wait_until_none(grace):
            stopped = self._server.stop(None)  # only those who watch the health are left, and they would watch for ever
        stopped.wait()
        self._workers.shutdown()
        self._health.close()

    def _handlers(self, kind: SignalKind) -> grpc.GenericRpcHandler[bytes, bytes]:
        def export(request: bytes, context: grpc.ServicerContext) -> bytes:
            self._calls.begin(context)
            outcome = self._outcome(kind, request)
            if isinstance(outcome, _Refused):
                self._counter.add(semconv.METRIC_RECEIVER_REFUSED, kind=kind, reason=outcome.reason)
                self._refuse(outcome, context)
            self._counter.add(semconv.METRIC_RECEIVER_ACCEPTED, kind=kind)
            return responses.write(outcome.rejected, outcome.reason)

        # Neither side has a serialiser: what is malformed must be answered by us, not by gRPC.
        return grpc.method_handlers_generic_handler(
            kind.service, {"Export": grpc.unary_unary_rpc_method_handler(export)}
        )

    def _refuse(self, refused: _Refused, context: grpc.ServicerContext) -> NoReturn:
        if refused.code is grpc.StatusCode.UNAVAILABLE:
            delay = self._delays.uniform(*self._limits.retry_delay)
            context.set_trailing_metadata(retry_info.write(refused.code.value[0], refused.message, delay))
        context.abort(refused.code, refused.message)

    def _outcome(self, kind: SignalKind, request: bytes) -> Accepted | _Refused:
        if not request:
            return Accepted()
        with self._admission.enter(len(request)) as admitted:
            if not admitted:
                return _Refused(grpc.StatusCode.UNAVAILABLE, "busy", "too many bytes in work: send this again later")
            try:
                return self._accept(kind, request)
            except WireError as error:
                return _Refused(grpc.StatusCode.INVALID_ARGUMENT, reason_of(error), str(error))
            except StorageError as error:
                return _Refused(grpc.StatusCode.UNAVAILABLE, getattr(error, "reason", "storage"), str(error))
            except Exception:
                _log.exception("a request of %s failed; its sender is asked to send it again", kind)
                return _Refused(grpc.StatusCode.UNAVAILABLE, "internal", "internal error: send this again later")


@dataclass(slots=True)
class _Calls:
    """Calls that have begun and whose answer has not yet left."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open: int = 0

    def begin(self, context: grpc.ServicerContext) -> None:
        with self._changed:
            self._open += 1
        if not context.add_callback(self._end):  # the client has gone
            self._end()

    def wait_until_none(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout)

    def _end(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


def _options(limits: ReceiverLimits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        # The windows of HTTP/2 stay at 64 KiB. If they may grow, gRPC reads whole requests ahead while they wait for a
        # worker, hundreds of megabytes that no admission has seen.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.so_reuseport", 0),  # or a second server would silently take half of the connections
        ("grpc.http2.min_ping_interval_without_data_ms", round(limits.keepalive_min_time * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
