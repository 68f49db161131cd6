"""Signals out: the outbox of the store, sent to an OTLP back end in order.

A signal stays in the outbox until the back end has acknowledged it, whatever happens to either side meanwhile. What
the back end's answer means is settled by the OTLP specification ("Failures", gRPC): some statuses ask to try again,
``RESOURCE_EXHAUSTED`` only when it says when, and all others mean that the same request would be refused for ever.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass
from typing import Final

import grpc

from tidegauge import semconv
from tidegauge.errors import StorageError
from tidegauge_processor.counter import UNCOUNTED, Counter
from tidegauge_processor.otlp import responses, retry_info
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.reasons import Reasons
from tidegauge_processor.state.store import Store

TRANSIENT: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Statuses after which a request is sent again."""

_PAGE = 16  # rows read at once
_GROWTH, _JITTER = 2.0, 0.5  # each wait is twice the last one, give or take a half
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failed:
    code: grpc.StatusCode
    message: str
    retry_after: float | None

    @property
    def reason(self) -> str:
        return self.code.name.lower()

    @property
    def final(self) -> bool:
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after is None
        return self.code not in TRANSIENT


class Sender:
    """Sends the outbox, on a thread of its own, until ``stop``.

    Args:
        endpoint: ``host:port`` of an OTLP/gRPC receiver.
        store: whose outbox is sent.
        insecure: no TLS.
        compression: ``gzip`` or ``none``.
        initial_interval: seconds before the second attempt.
        max_interval: longest time between two attempts, in seconds.
        timeout: seconds that one attempt may take.
        counter: counts what was sent, failed, dropped and rejected.
    """

    def __init__(
        self,
        endpoint: str,
        store: Store,
        *,
        insecure: bool = True,
        compression: str = "gzip",
        initial_interval: float = 1.0,
        max_interval: float = 30.0,
        timeout: float = 10.0,
        counter: Counter = UNCOUNTED,
    ) -> None:
        self._endpoint = endpoint
        self._store = store
        self._timeout = timeout
        self._initial_interval, self._max_interval = initial_interval, max_interval
        self._interval = initial_interval
        self._counter = counter
        self._jitter = random.Random()
        self._changed = threading.Condition()
        self._woken = True
        self._stopping = threading.Event()
        self._call: grpc.Future[bytes] | None = None
        self._reasons = Reasons(endpoint, insecure=insecure, timeout=timeout)
        self._trouble: tuple[grpc.StatusCode, str] | None = None
        self._channel = _channel(endpoint, insecure, compression, initial_interval, max_interval)
        self._exports = {kind: self._channel.unary_unary(kind.method, None, None) for kind in SignalKind}
        self._thread = threading.Thread(target=self._run, name="tidegauge-sender")
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def drain(self, timeout: float) -> bool:
        """Wait until the outbox is empty, at most ``timeout`` seconds; returns whether it is."""
        self.wake()
        with self._changed:
            return self._changed.wait_for(lambda: self._store.outbox_size() == 0, timeout)

    def stop(self) -> None:
        """Stop sending, also in the middle of an attempt; what is not acknowledged stays in the outbox."""
        with self._changed:
            self._stopping.set()
            if self._call is not None:
                self._call.cancel()
            self._changed.notify_all()
        self._thread.join()
        self._channel.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._woken or self._stopping.is_set())
                self._woken = False
            while not self._stopping.is_set() and (rows := self._read()):
                # After a failure the outbox is read anew: its oldest rows may have been dropped in the meantime.
                for row in rows:
                    if not self._deliver(*row):
                        break

    def _deliver(self, number: int, kind: SignalKind, data: bytes) -> bool:
        """Make one attempt, wait if it failed for the time being; returns whether to go on with the next row."""
        failed = self._attempt(kind, data)
        if failed is not None and not failed.final:
            if not self._stopping.is_set():
                self._counter.add(semconv.METRIC_EXPORTER_SEND_FAILED, kind=kind, reason=failed.reason)
                self._report(failed)
                self._wait(failed.retry_after)
            return False
        self._report(None)
        self._interval = self._initial_interval
        if failed is None:
            self._counter.add(semconv.METRIC_EXPORTER_SENT, kind=kind)
        else:
            self._counter.add(semconv.METRIC_EXPORTER_DROPPED, kind=kind, reason=failed.reason)
            why = [text for text in (failed.message, self._reasons.advice(failed.code, failed.message)) if text]
            _log.error("%s refuses %s for good: %s: %s", self._endpoint, kind, failed.reason, "; ".join(why))
        self._remove(number)
        return True

    def _attempt(self, kind: SignalKind, data: bytes) -> _Failed | None:
        with self._changed:
            if self._stopping.is_set():
                return _Failed(grpc.StatusCode.CANCELLED, "stopped", None)
            call = self._call = self._exports[kind].future(data, timeout=self._timeout)
        code = call.code()  # waits for the end of the call
        if code is not grpc.StatusCode.OK:
            return _Failed(code, call.details(), retry_info.read(call.trailing_metadata() or ()))
        rejected, reason = responses.read(call.result())
        if rejected:
            self._counter.add(semconv.METRIC_EXPORTER_REJECTED, rejected, kind=kind)
        if rejected or reason:
            _log.warning("%s left out %d %s: %s", self._endpoint, rejected, kind.records, reason)
        return None

    def _read(self) -> list[tuple[int, SignalKind, bytes]]:
        while not self._stopping.is_set():
            try:
                return self._store.outbox(_PAGE)
            except StorageError as error:
                _log.error("signals wait: %s", error)
                self._wait(None)
        return []

    def _remove(self, number: int) -> None:
        """Take a row out of the outbox. Until that has worked nothing else is sent, or this one would go out twice."""
        removed = False
        while not removed:
            try:
                self._store.sent([number])
                removed = True
            except StorageError as error:
                if self._stopping.is_set():
                    break
                _log.error("signals wait until the last one can be removed from the outbox: %s", error)
                self._wait(None)
        with self._changed:
            self._changed.notify_all()

    def _wait(self, asked: float | None) -> None:
        """Wait as long as the back end asked for, else longer each time."""
        seconds = asked
        if seconds is None:
            seconds = self._interval * self._jitter.uniform(1 - _JITTER, 1 + _JITTER)
            self._interval = min(self._interval * _GROWTH, self._max_interval)
        self._stopping.wait(seconds)

    def _report(self, failed: _Failed | None) -> None:
        """Log when the back end goes away, why it does, and when it is there again; not every attempt in between."""
        trouble = None if failed is None else (failed.code, self._reasons.advice(failed.code, failed.message))
        if failed is not None and trouble is not None and trouble != self._trouble:
            _log.warning("signals wait for %s: %s: %s", self._endpoint, failed.reason, trouble[1] or failed.message)
        elif failed is None and self._trouble is not None:
            _log.info("%s takes signals again", self._endpoint)
        self._trouble = trouble


def _channel(endpoint: str, insecure: bool, compression: str, initial: float, longest: float) -> grpc.Channel:
    options = [
        # gRPC refuses calls by itself while it waits to connect again; it shall not wait longer than we do.
        ("grpc.initial_reconnect_backoff_ms", round(initial * 1000)),
        ("grpc.max_reconnect_backoff_ms", round(longest * 1000)),
    ]
    algorithm = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
    if insecure:
        return grpc.insecure_channel(endpoint, options, algorithm)
    return grpc.secure_channel(endpoint, grpc.ssl_channel_credentials(), options, algorithm)
