"""The processor as a running service: builds the stages, and owns clock, threads and order.

    receiver -> inbox (durable) -> acknowledgement
    inbox -> worker: engine -> checkpoint (state and outbox in one transaction) -> sender

One worker applies requests in the order of their inbox ids, so a crash is repaired by replaying the inbox from the
last checkpoint on: the same requests meet the same state.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from tidegauge import semconv
from tidegauge.baseline import Baseline
from tidegauge.errors import StorageError
from tidegauge_processor import learned_files, resuming, windowing
from tidegauge_processor.apart import apart
from tidegauge_processor.backlog import Backlog, BusyError
from tidegauge_processor.baselines import Baselines, learned_key
from tidegauge_processor.config import Config
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.admission import Admission
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import Limits
from tidegauge_processor.otlp.receiver import Accepted, Receiver, ReceiverLimits
from tidegauge_processor.outgoing import Outgoing, Requests
from tidegauge_processor.policies import policy_of
from tidegauge_processor.records import Decoded
from tidegauge_processor.signals import BaselineSignal, Event, Signal, Standing, TotalsSignal
from tidegauge_processor.state.inbox import Inbox
from tidegauge_processor.state.store import Store
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.unsent import Unsent
from tidegauge_processor.wiring import (
    join_of,
    learning_of,
    outbox_limit_of,
    resource_of,
    sender_of,
    timing_of,
    versions_of,
)

_TICK: Final = 0.2
"""Seconds between two looks at what is ripe."""
_LARGE: Final = 1 << 20
"""Bytes of a request above which it is read alone: what it takes while it is parsed is a multiple of that."""
_GRACE: Final = 5.0
"""Seconds that requests in work, and signals on their way, may take at shutdown."""

_log = logging.getLogger(__name__)


class Service:
    """The processor, from its sockets to its disk.

    Args:
        config: all settings.
        clock: the clock on the wall, ns since the epoch.

    Raises:
        StorageError: the state cannot be opened.
        BaselineError: a baseline in the configured folder cannot be read.
    """

    def __init__(self, config: Config, clock: Callable[[], int] = time.time_ns) -> None:
        self._config = config
        self._clock = clock
        started = clock()
        self._telemetry = Telemetry()
        self._limits = Limits.of(config.limits)
        self._unsaved: dict[str, bytes | None] = {}
        self._learned: list[Baseline] = []
        self._store = Store.open(
            config.storage.directory, counter=self._telemetry, outbox_limit=outbox_limit_of(config)
        )
        try:
            folder = Path(config.baselines) if config.baselines else None
            baselines = Baselines.read(folder, self._store.baselines(), config.limits)
            self._position, units = self._store.load()
            self._engine = Engine(
                timing_of(config),
                baselines,
                lambda model: policy_of(config, model),
                config.aggregation_cardinality_limit,
                self._telemetry,
                units,
                join_of(config, self._store, self._telemetry),
                learning_of(config),
                lambda model: versions_of(config, model),
                config.limits,
            )
            resuming.set_aside(self._store, baselines, self._engine)
            learned_files.write(config.storage.directory, baselines.learned())
            resource = resource_of(config.storage.directory, self._telemetry)
            self._outgoing = Outgoing(config, resource, self._telemetry, started)
            self._replay_inbox()
        except BaseException:
            self._store.close()
            raise
        self._writable = True
        self._rebuilt = self._store.rebuilt
        in_flight = config.receiver.max_in_flight_mib << 20
        self._work, self._read = Backlog(in_flight), Admission(in_flight)
        self._large = threading.Lock()
        self._worker = threading.Thread(target=self._run, name="tidegauge-worker")
        self._unsent = Unsent()
        self._last_checkpoint = self._last_flush = time.monotonic()

    def start(self) -> int:
        """Begin to serve; returns the port.

        Raises:
            ConfigurationError: the endpoint cannot be listened on.
        """
        settings = self._config.receiver
        limits = ReceiverLimits(
            message_bytes=settings.max_recv_msg_size_mib << 20, in_flight_bytes=settings.max_in_flight_mib << 20
        )
        self._receiver = Receiver(settings.endpoint, self._accept, limits=limits, counter=self._telemetry)
        self._inbox: Inbox[Decoded] = Inbox(self._store, self._work.put)
        self._sender = sender_of(self._config, self._store, self._telemetry)
        self._worker.start()
        try:
            return self._receiver.start()
        except BaseException:
            self._stop_worker()
            self._close()
            raise

    def stop(self) -> None:
        """Finish the requests in work, say where matters stand, write the state, send what is ready, and close."""
        self._receiver.stop(_GRACE)
        self._stop_worker()
        self._save()  # before the last word, which tells the size of what is stored
        self._look_safely(last=True)
        if self._sender:
            self._sender.drain(_GRACE)
        self._close()

    def _stop_worker(self) -> None:
        self._inbox.close()
        self._work.close()
        self._worker.join()

    def _close(self) -> None:
        if self._sender:
            self._sender.stop()
        self._store.close()

    def _accept(self, kind: SignalKind, data: bytes) -> Accepted:
        with self._large if len(data) > _LARGE else nullcontext():
            decoded = self._decode(kind, data)
        with self._read.enter(decoded.size) as admitted:
            if not admitted:
                raise BusyError("requests that are read take up receiver.max_in_flight_mib: send this again later")
            self._inbox.put(kind, data, decoded)
        for reason, number in decoded.rejections.items():
            self._telemetry.add(semconv.METRIC_RECEIVER_REJECTED, number, kind=kind, reason=reason)
        return Accepted(decoded.rejected, decoded.reason)

    def _decode(self, kind: SignalKind, data: bytes) -> Decoded:
        return windowing.decode(kind, data, self._config.windows.duration, self._limits)

    def _replay_inbox(self) -> None:
        """Apply what was acknowledged after the last checkpoint; it reads as it did when it came."""
        for number, decoded in resuming.replay(self._store, self._position, self._decode):
            self._apply(number, decoded)
        self._engine.wake(self._clock())

    def _run(self) -> None:
        """The worker: applies, judges, writes."""
        last_look = 0.0
        while True:
            entries = self._work.get(_TICK)
            if entries is None:
                break
            for entry in entries:
                self._apply(entry.id, entry.decoded)
            if not entries or time.monotonic() - last_look >= _TICK:
                last_look = time.monotonic()
                self._look_safely()

    def _apply(self, number: int, decoded: Decoded) -> None:
        with apart(self._telemetry, "request", "request %d could not be applied in full", number):
            self._unsaved.update(self._engine.apply(decoded, self._clock()))
        self._position = number

    def _look_safely(self, *, last: bool = False) -> None:
        """A fault of ours must not end the worker: requests would be acknowledged that nobody counts."""
        with apart(self._telemetry, "signals", "signals could not be made"):
            self._look(last)

    def _look(self, last: bool) -> None:
        """Judge what is ripe, and write state and signals where it is time to, or where there will be no other time."""
        now = self._clock()
        said = self._engine.advance(now)
        learned = [signal.learned for signal in said if isinstance(signal, BaselineSignal) and signal.learned]
        self._unsaved.update({learned_key(baseline.id): baseline.to_bytes() for baseline in learned})
        self._learned += learned
        flush = last or time.monotonic() - self._last_flush >= self._config.metrics_flush_interval.seconds
        if said or flush:
            with apart(self._telemetry, "signals", "signals could not be said in full"):
                self._say(said, now)
        if (
            said
            or flush
            or time.monotonic() - self._last_checkpoint >= self._config.storage.checkpoint_interval.seconds
        ):
            self._save()

    def _say(self, said: list[Signal], now: int) -> None:
        """Encode what there is to say. History is said once; the present is repeated."""
        self._last_flush = time.monotonic()
        if not self._sender:
            return
        self._unsent.said += self._outgoing.events([signal for signal in said if isinstance(signal, Event)], now)
        if self._config.replay:
            self._unsent.said += self._requests([signal for signal in said if not isinstance(signal, Event)], now)
        else:
            standing = [*self._engine.standing(now - self._config.series_expiration)]
            self._unsent.said += self._requests([s for s in standing if isinstance(s, TotalsSignal)], now)
            self._unsent.present = self._requests([s for s in standing if not isinstance(s, TotalsSignal)], now)
        sizes = {semconv.METRIC_JOIN_SIZE: self._store.join_size()} if self._config.labels.join.enabled else {}
        self._unsent.said += self._outgoing.own(sizes, now)

    def _requests(self, signals: Iterable[Standing], now: int) -> Requests:
        requests, unsaid = self._outgoing.standing(signals, now)
        self._engine.leave_unsaid(unsaid)
        return requests

    def _save(self) -> None:
        """Write a checkpoint; when that fails, what changed stays to be written with the next."""
        self._last_checkpoint = time.monotonic()
        if self._rebuilt != self._store.rebuilt:
            self._rebuilt = self._store.rebuilt
            self._engine.touch_all()
        try:
            for id, data in self._unsaved.items():
                self._store.save_baseline(id, data) if data is not None else self._store.remove_baseline(id)
            written = self._engine.dirty(), self._unsent.said, self._engine.joined(), self._unsent.present
            self._store.checkpoint(self._position, *written)
        except StorageError as error:
            if self._writable:
                _log.error("the state cannot be written, it is tried again at every checkpoint: %s", error)
            self._writable = False
            self._drop_outgoing()
            return
        if not self._writable:
            _log.info("the state can be written again")
        self._writable = True
        self._engine.saved()
        self._unsaved, self._unsent = {}, Unsent()
        learned_files.write(self._config.storage.directory, self._learned)
        self._learned = []
        if self._sender:
            self._sender.wake()

    def _drop_outgoing(self) -> None:
        """Keep what waits in memory within the bound of the outbox; the oldest go first, and are counted."""
        if dropped := self._unsent.drop(outbox_limit_of(self._config)):
            self._telemetry.add(semconv.METRIC_EXPORTER_DROPPED, dropped, reason="not_stored")
