"""A processor's engine on its real store, under a clock that the test sets, and applications that send to it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import Signal, TotalsSignal, WindowSignal
from tidegauge_processor.state.models import ModelState, Timing
from tidegauge_processor.state.store import Store
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

MINUTE = 60 * SECOND
TIMING = Timing(
    window=MINUTE,
    lateness=10 * SECOND,
    idle=5 * MINUTE,
    cohort=HOUR,
    wait=0,
    retention=90 * 24 * HOUR,
    again=MINUTE,
    hold=15 * MINUTE,
    live=True,
)
START = hour(0)


def at(seconds: float) -> int:
    """So many seconds after the start, ns since the epoch."""
    return START + round(seconds * SECOND)


class Live:
    """The engine of a processor that can crash.

    Args:
        folder: of the store.
        timing: lengths of windows and waits.

    Attributes:
        said: all signals so far.
        telemetry: what was counted since the latest start.
    """

    def __init__(self, folder: Path, timing: Timing = TIMING) -> None:
        self._folder = folder
        self._timing = timing
        self.said: list[Signal] = []
        self._open(None)

    @property
    def windows(self) -> dict[int, WindowSignal]:
        """What was said of each window, by its number; a window of which twice was said fails."""
        found = [signal for signal in self.said if isinstance(signal, WindowSignal)]
        by_start = {(each.subject.start - START) // self._timing.window: each for each in found}
        assert len(by_start) == len(found)
        return by_start

    @property
    def counted(self) -> int:
        """Rows in closed windows, as the latest signals say."""
        return max((each.rows for each in self.engine.standing(0) if isinstance(each, TotalsSignal)), default=0)

    @property
    def state(self) -> ModelState:
        (state,) = self.engine._models.values()
        return state

    @property
    def stored(self) -> dict[str, bytes]:
        """What is on disk, by key."""
        return self._store.load()[1]

    def count(self, name: str, reason: str | None = None) -> int:
        """What was counted since the latest start."""
        return sum(
            value
            for (counted, attributes), value in self.telemetry.counts().items()
            if counted == name and reason in (None, *(found for _, found in attributes))
        )

    def take(self, *requests: bytes, now: int, kind: SignalKind = SignalKind.METRICS) -> list[Signal]:
        """Acknowledge requests, apply them, and look what is ripe."""
        for number, request in zip(self._store.append([(kind, each) for each in requests]), requests, strict=True):
            self.engine.apply(windowing.decode(kind, request, self._timing.window), now)
            self._position = number
        return self.look(now)

    def look(self, now: int) -> list[Signal]:
        """What is ripe, written to the store as soon as it is said."""
        said = self.engine.advance(now)
        if said:
            self.checkpoint()
        self.said += said
        return said

    def checkpoint(self) -> None:
        self._store.checkpoint(self._position, self.engine.dirty(), [])
        self.engine.saved()

    def end(self, *, kill: bool = True) -> None:
        """Be gone: what is not on disk is lost."""
        if not kill:
            self.checkpoint()
        self._store.close()

    def begin(self, now: int) -> None:
        """Be there again."""
        self._open(now)

    def _open(self, now: int | None) -> None:
        self._store = Store.open(self._folder)
        self._position, units = self._store.load()
        self.telemetry = Telemetry()
        known = Baselines({baseline().id: baseline()})
        self.engine = Engine(self._timing, known, lambda _: Policy(scales=(1, 3)), 1_000, self.telemetry, units)
        if now is not None:
            for number, kind, data in self._store.replay(self._position):
                self.engine.apply(windowing.decode(kind, data, self._timing.window), now)
                self._position = number
            self.engine.wake(now)


class Application:
    """A process with the SDK: what it sends of each interval, with its own count of rows.

    Args:
        name: its instance id.
        began: when it started, ns since the epoch.
        version: of its model.
    """

    def __init__(self, name: str, began: int = START, version: str = "7") -> None:
        self.made = 0
        self._began = began
        self._said = Writer(name, version=version, baseline=baseline().id)
        self._counted = Writer(name, version=version, temporality=CUMULATIVE)

    def interval(self, number: int, start: int, end: int, *, shift: float = 0.0, seed: int = 0) -> bytes:
        """The request about ``number`` rows that were predicted in an interval."""
        self.made += number
        frame = rows(number, seed=seed or self.made, shift=shift)
        return flush(frame, start, self._said, end - start) + self.count(end)

    def count(self, end: int) -> bytes:
        """How many rows it has predicted by ``end``."""
        made = self._counted.counter(semconv.METRIC_SDK_PREDICTIONS, self.made, self._began, end)
        return self._counted.metrics(made)

    def goodbye(self, end: int) -> bytes:
        """Its last word."""
        last = self._counted.counter(semconv.METRIC_SDK_FINAL_PREDICTIONS, self.made, self._began, end)
        return self._counted.metrics(last)


def completeness(live: Live, windows: Iterable[int]) -> list[float | None]:
    return [live.windows[number].completeness for number in windows]
