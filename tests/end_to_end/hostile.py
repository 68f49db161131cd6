"""A processor that meets a stranger: the real command, a back end behind it, and an honest model beside it.

    with Besieged(tmp_path) as besieged:
        besieged.honest(range(2))          # two windows of the honest model
        besieged.metrics(poison)           # what a stranger sends, as bytes: how it was answered
        besieged.restart()                 # SIGTERM and a new start on the same state
        besieged.honest(range(2, 4))
        besieged.wait_until_judged(2)      # the back end hears of the honest model's window 2, from now on

Windows lie in the past, one after the other from number 0, and each closes as soon as data that reach up to its end, or
beyond, have come. So nothing here waits for the clock on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import grpc
import numpy as np

from tests.end_to_end.leaves import leaves
from tests.end_to_end.processes import Processor, free_endpoint, wait_until
from tests.end_to_end.sink import Request, Sink
from tests.processor.requests import SECOND, Writer
from tidegauge import semconv
from tidegauge.summaries import NumericSummary
from tidegauge.summaries.bins import Bins
from tidegauge_processor.otlp import responses
from tidegauge_processor.otlp.kinds import SignalKind

LENGTH = 10 * SECOND
"""Of a window, ns."""
HONEST = "honest"

_BINS = Bins(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
_UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Answer(NamedTuple):
    """How a request was answered.

    Attributes:
        status: ``OK``, ``INVALID_ARGUMENT``, ...
        rejected: records that were left out of a request that was taken.
        reason: why; what the status says of a request that was not taken.
    """

    status: str
    rejected: int = 0
    reason: str = ""


class Besieged:
    """`tidegauge run` with a back end, among honest and hostile senders; everything ends with the block.

    Args:
        folder: for configuration, log and state.
        config: sections that differ from those below, key by key.
        largest: bytes of the largest request that the back end takes; stock collectors take 4 MiB.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any] | None = None, *, largest: int = 64 << 20) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.started = (time.time_ns() // LENGTH - 360) * LENGTH  # start of window 0, an hour ago
        self.sink = Sink(largest=largest)
        self.endpoint = free_endpoint()
        self._config: dict[str, Any] = {
            "receiver": {"endpoint": self.endpoint},
            "exporter": {"endpoint": self.sink.endpoint},
            "storage": {"directory": str(self.state), "checkpoint_interval": "200ms"},
            "windows": {"duration": "10s", "allowed_lateness": "0s", "idle_timeout": "1h"},
            "metrics_flush_interval": "1s",
        }
        for section, own in (config or {}).items():
            known = self._config.get(section)
            self._config[section] = {**known, **own} if isinstance(known, dict) else own
        self._begun = time.time_ns()
        try:
            self.processor = Processor(self._config, folder)
        except BaseException:
            self.sink.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object = None, failure: BaseException | None = None, traceback: object = None) -> None:
        if failure is not None:
            failure.add_note(f"the processor said: {self.output[-4000:]}")
        self.processor.__exit__()
        self.sink.__exit__()

    @property
    def output(self) -> str:
        """What the processor has printed, all its starts together."""
        return self.processor.output

    def interval(self, window: int) -> tuple[int, int]:
        """Start and end of a window, ns since the epoch."""
        return self.started + window * LENGTH, self.started + (window + 1) * LENGTH

    def metrics(self, data: bytes) -> Answer:
        """Send a request of metrics as it is."""
        return self.send(SignalKind.METRICS, data)

    def logs(self, data: bytes) -> Answer:
        """Send a request of logs as it is."""
        return self.send(SignalKind.LOGS, data)

    def traces(self, data: bytes) -> Answer:
        """Send a request of traces as it is."""
        return self.send(SignalKind.TRACES, data)

    def send(self, kind: SignalKind, data: bytes, compression: grpc.Compression | None = None) -> Answer:
        """Send a request as it is."""
        with grpc.insecure_channel(self.endpoint, options=_UNLIMITED) as channel:
            try:
                call = channel.unary_unary(kind.method)
                answer = call(data, timeout=60, wait_for_ready=True, compression=compression)
            except grpc.RpcError as error:
                return Answer(error.code().name, reason=error.details() or "")
        return Answer("OK", *responses.read(answer))

    def honest(self, windows: Iterable[int], *, model: str = HONEST, rows: int = 300) -> None:
        """Send windows of a model that does nothing out of the ordinary."""
        for window in windows:
            assert self.metrics(self.honest_request(window, model=model, rows=rows)) == Answer("OK")

    def honest_request(self, window: int, *, model: str = HONEST, rows: int = 300) -> bytes:
        """One window of that model, as a request: a feature ``x`` and a count of predictions, the same in each run."""
        interval = self.interval(window)
        writer = Writer(instance="honest-1", model=model, version="1")
        values = NumericSummary.of(np.random.default_rng(window).normal(size=rows), _BINS)
        return writer.metrics(
            writer.histogram(semconv.METRIC_FEATURE_VALUE, values, *interval, ml__feature__name="x"),
            writer.counter(semconv.METRIC_PREDICTIONS, rows, *interval),
        )

    def wait_until_judged(self, window: int, *, model: str = HONEST) -> None:
        """Wait until the back end hears, in a request yet to come, that this window or a later one is judged."""
        end, heard = self.interval(window)[1] / SECOND, len(self.sink.requests)

        def judged(requests: list[Request]) -> bool:
            found = leaves(requests[heard:], metric=semconv.METRIC_WINDOW_END)
            return any(leaf.attributes[semconv.MODEL_NAME] == model and leaf.data.as_double >= end for leaf in found)

        self.sink.wait(judged, f"{model}'s window {window} is judged")

    def counted(self, name: str, reason: str | None = None) -> int:
        """What the processor last said of one of its own counters since its latest start, all kinds together."""
        last: dict[str, int] = {}
        for leaf in leaves(self.sink.requests, metric=name):
            wanted = reason is None or leaf.attributes.get(semconv.REASON) == reason
            if wanted and leaf.data.start_time_unix_nano >= self._begun:
                last[str(sorted(leaf.attributes.items()))] = leaf.data.as_int
        return sum(last.values())

    def wait_until_counted(self, name: str, number: int, reason: str | None = None) -> None:
        """Wait until a counter of the processor's own says ``number`` or more."""
        wait_until(lambda: self.counted(name, reason) >= number, f"{name} {reason or ''} is {number}")

    def restart(self, *, kill: bool = False) -> None:
        """End the processor, by SIGTERM or SIGKILL, and start it again on the same state."""
        if kill:
            self.processor.kill()
        else:
            assert self.processor.stop() == 0, self.output
        self.processor.__exit__()
        self._begun = time.time_ns()
        self.processor = Processor(self._config, self.folder)
