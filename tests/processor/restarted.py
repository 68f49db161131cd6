"""An engine that is ended and started again from nothing but the bytes that it left."""

from collections.abc import Callable

from tests.processor.requests import HOUR
from tidegauge.baseline import Baseline
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.signals import BaselineSignal, Signal
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule
from tidegauge_processor.state.models import Timing
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy
from tidegauge_processor.versions import VersionRule

TIMING = Timing(window=HOUR, lateness=0, idle=HOUR, cohort=HOUR, wait=0, retention=90 * 24 * HOUR, again=60 * 10**9)
LATER = 500_000 * HOUR
"""The wall clock of a processor that reads history."""
SILENT = LATER + TIMING.idle
"""The same when nobody has been heard of for so long that nobody is waited for."""


class Restarted:
    """An engine, what it has stored, and how to begin anew from that.

    Args:
        known: baselines that are stored from the beginning.
        learning: when a baseline is learned.
        versions: how versions are compared.
    """

    def __init__(
        self,
        *known: Baseline,
        learning: LearningRule = NOTHING_LEARNED,
        versions: Callable[[str], VersionRule] = lambda model: VersionRule(),
    ) -> None:
        self.stored = {each.id: each.to_bytes() for each in known}
        self.units: dict[str, bytes] = {}
        self._rules = learning, versions
        self.restart()

    def restart(self) -> None:
        """End and begin again."""
        known = Baselines({id: Baseline.from_bytes(data) for id, data in self.stored.items()})
        policy = Policy(scales=(1, 3))
        self.engine = Engine(TIMING, known, lambda _: policy, 1_000, Telemetry(), self.units, None, *self._rules)

    def take(self, *requests: bytes, now: int = LATER) -> list[Signal]:
        """Apply requests, say what is ripe, and store."""
        for request in requests:
            self.engine.apply(windowing.decode(SignalKind.METRICS, request, HOUR), now)
        said = self.engine.advance(now)
        for signal in said:
            if isinstance(signal, BaselineSignal) and signal.learned:
                self.stored[signal.learned.id] = signal.learned.to_bytes()
        self.units = {key: data for key, data in (self.units | self.engine.dirty()).items() if data is not None}
        self.engine.saved()
        return said
