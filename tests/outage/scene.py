"""An outage of the processor: several applications go on predicting, and every row must be counted once afterwards.

The applications are processes with the real SDK, whose queues send again what nobody took. They begin one after the
other, so that each tries again at other moments. One begins while the processor is away, so that it cannot know it.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.end_to_end.leaves import leaves
from tests.end_to_end.processes import Child, Processor, free_endpoint, wait_until
from tests.end_to_end.scenario import write_baseline
from tests.end_to_end.sink import Request, Sink
from tests.workloads import CreditHistory
from tidegauge import semconv

Between = Callable[[str, Path], AbstractContextManager[str]]
"""What stands between applications and processor: takes the processor's address, gives theirs."""

_STAGGER = 3.7
"""Seconds between the beginnings of two applications."""
_PATIENCE = 300.0
"""Seconds that an application may take to send all that it has kept."""


@dataclass(frozen=True)
class Outage:
    """What happens.

    Attributes:
        down: seconds that the processor is away.
        window: length of a window, s.
        interval: the SDK's export interval, s.
        idle: ``windows.idle_timeout``, s.
        before: seconds that all is well before.
        after: seconds that the applications go on after.
        writers: applications from the beginning; one more begins in the middle of the outage.
        kill: end the processor by SIGKILL; else by SIGTERM.
    """

    down: float
    window: int = 60
    interval: int = 10
    idle: int = 300
    before: float = 95.0
    after: float = 45.0
    writers: int = 3
    kill: bool = True


@dataclass
class Account:
    """What became of the rows.

    Attributes:
        predicted: rows that the applications predicted.
        counted: rows that the processor counted in closed windows.
        own: the processor's own counters after the restart, by name and reason.
        least_complete: the least complete window that was said after the restart.
    """

    predicted: int
    counted: int
    own: Mapping[tuple[str, str], int]
    least_complete: float
    waited: float = field(default=0.0)

    @property
    def exact(self) -> bool:
        """Whether no row was lost and none was counted twice."""
        lost = (semconv.METRIC_PROCESSOR_LATE, semconv.METRIC_PROCESSOR_DROPPED, semconv.METRIC_PROCESSOR_MISSING)
        return (
            self.predicted == self.counted
            and self.least_complete == 1.0
            and not any(number for (name, _), number in self.own.items() if name in lost)
        )

    def __str__(self) -> str:
        own = ", ".join(
            f"{name.removeprefix('tidegauge.processor.')}{f' ({reason})' if reason else ''} {number:,}"
            for (name, reason), number in self.own.items()
        )
        return (
            f"{'exact' if self.exact else 'NOT EXACT'}: {self.predicted:,} rows predicted, {self.counted:,} counted; "
            f"least complete window {self.least_complete:.4f}; {own}; judged {self.waited:.0f} s after the last row"
        )


def nothing(receiver: str, folder: Path) -> AbstractContextManager[str]:
    """Applications send straight to the processor."""
    return nullcontext(receiver)


def run(outage: Outage, folder: Path, between: Between = nothing, say: Callable[[str], None] = print) -> Account:
    """Let it happen, wait until the last window is judged, and account for all rows."""
    baseline = write_baseline(CreditHistory(), folder)
    receiver = free_endpoint()
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        config = _config(outage, receiver, sink.endpoint, folder)
        processor = Processor(config, folder)
        try:
            endpoint = stack.enter_context(between(receiver, folder))
            writers = []

            def begin() -> None:
                seed = len(writers) + 1
                writers.append(stack.enter_context(_writer(seed, baseline, endpoint, outage, folder)))

            for _ in range(outage.writers):
                begin()
                time.sleep(_STAGGER)
            time.sleep(max(outage.before - outage.writers * _STAGGER, 0))
            _end(processor, kill=outage.kill)
            processor.__exit__()
            say(f"the processor is {'killed' if outage.kill else 'stopped'}")
            time.sleep(outage.down / 2)
            begin()
            time.sleep(outage.down / 2)
            before = len(sink.requests)
            processor = Processor(config, folder)
            say(f"it is back after {outage.down:g} s")
            time.sleep(outage.after)
            predicted, last = _finish(writers)
            wait_until(
                lambda: _judged_until(sink.requests[before:]) > last,
                "the last window is judged",
                outage.idle + 20 * outage.window + 120,
            )
            waited = time.time() - last
            time.sleep(3)  # for the counters that follow
            assert processor.stop() == 0, processor.output
        finally:
            processor.__exit__()
        found = sink.requests[before:]
        counted = max(leaf.data.as_int for leaf in leaves(found, semconv.METRIC_WINDOW_SAMPLES))
        complete = [leaf.data.as_double for leaf in leaves(found, semconv.METRIC_WINDOW_COMPLETENESS)]
        return Account(predicted, counted, _own(found), min(complete, default=0.0), waited)


def _config(outage: Outage, receiver: str, exporter: str, folder: Path) -> dict[str, Any]:
    return {
        "receiver": {"endpoint": receiver},
        "exporter": {"endpoint": exporter},
        "storage": {"directory": str(folder / "state")},
        "windows": {
            "duration": f"{outage.window}s",
            "allowed_lateness": f"{max(outage.interval, 1)}s",
            "idle_timeout": f"{outage.idle}s",
        },
        "metrics_flush_interval": "1s",
    }


def _writer(seed: int, baseline: Path, endpoint: str, outage: Outage, folder: Path) -> Child:
    return Child(
        [sys.executable, "-m", "tests.outage.writer", str(seed), str(baseline)],
        folder / f"writer-{seed}.log",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{endpoint}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_TRACES_EXPORTER="none",
        TIDEGAUGE_EXPORT_INTERVAL=str(outage.interval),
    )


def _end(processor: Processor, *, kill: bool) -> None:
    if kill:
        processor.kill()
    else:
        assert processor.stop() == 0, processor.output


def _finish(writers: Sequence[Child]) -> tuple[int, float]:
    """End the applications; the rows that they predicted, and the time of the last one."""
    for writer in writers:
        writer.terminate()
    told = []
    for writer in writers:
        assert writer.wait(_PATIENCE) == 0, writer.output
        found = re.search(r"predicted (\d+) rows, the last one at ([\d.]+)", writer.output)
        assert found, writer.output
        told.append((int(found[1]), float(found[2])))
    return sum(rows for rows, _ in told), max(last for _, last in told)


def _judged_until(requests: Iterable[Request]) -> float:
    return max((leaf.data.as_double for leaf in leaves(requests, semconv.METRIC_WINDOW_END)), default=0.0)


def _own(requests: Iterable[Request]) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for leaf in leaves(requests):
        if leaf.name.startswith("tidegauge.processor.") and leaf.kind == "sum":
            key = leaf.name, str(leaf.attributes.get(semconv.REASON, ""))
            found[key] = max(found[key], leaf.data.as_int)
    return dict(sorted(found.items()))
