"""An honest model of each kind of telemetry, a processor in this process, and a stranger.

The processor is the real one from the bytes of a request to the bytes that leave: decoding, engine, encoding. It is
killed on the way and begins again on the state of its last checkpoint, reading again what came since.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.leaves import leaves
from tests.fuzz.mutations import mutate, publish
from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import CUMULATIVE, HOUR, SECOND, Writer
from tests.processor.restarted import LATER, TIMING
from tests.processor.wire_bytes import field
from tidegauge import semconv
from tidegauge.errors import WireError
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import DURATION_BOUNDS, Bins
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines, learned_key
from tidegauge_processor.config import Config
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.outgoing import Outgoing, Requests
from tidegauge_processor.signals import BaselineSignal, Event
from tidegauge_processor.state.learning import LearningRule
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

HONEST = ("credit-risk", "honest-spans", "honest-without")
WINDOWS = 3

Request = tuple[SignalKind, bytes]


def traffic(known: str, spans: str, without: str, seed: int, id: str = "") -> list[list[Request]]:
    """Requests of three models by window: one with a baseline, one known by its spans, and one without either."""
    found: list[list[Request]] = []
    writer = Writer(instance=known, model=known, baseline=id or baseline().id)
    beside = Writer(instance=spans, model=spans, version="1")
    alone = Writer(instance=without, model=without, version="1", temporality=CUMULATIVE)
    for window in range(WINDOWS):
        start, end, rng = hour(window), hour(window + 1), np.random.default_rng(seed + window)
        calls = NumericSummary.of(rng.exponential(size=50), Bins(np.array(DURATION_BOUNDS)))
        values = ExponentialSummary.of(rng.normal(size=60 * (window + 1)))
        outcomes = [
            writer.event(
                semconv.EVENT_FEEDBACK,
                start + 60 * SECOND + n,
                ml__prediction__id=f"p{n}",
                ml__prediction__time=start + n,
                ml__prediction__class=str(n % 2),
                ml__prediction__score=0.1 + 0.8 * (n % 2),
                ml__feedback__actual=str(int(rng.integers(2))),
                ml__segment__region="north" if n % 3 else "south",
            )
            for n in range(40)
        ]
        found.append(
            [
                (SignalKind.METRICS, flush(rows(80, seed=seed + window), start, writer, length=HOUR)),
                (
                    SignalKind.METRICS,
                    writer.metrics(writer.histogram(semconv.METRIC_PREDICTION_DURATION, calls, start, end)),
                ),
                (SignalKind.LOGS, writer.logs(*outcomes)),
                (
                    SignalKind.TRACES,
                    beside.spans(
                        *(
                            beside.span(
                                100 * window + n, end - SECOND, ["a", "b"], [float(n), "x"], ml__task__type="regression"
                            )
                            for n in range(1, 9)
                        )
                    ),
                ),
                (
                    SignalKind.METRICS,
                    alone.metrics(
                        alone.exponential(semconv.METRIC_FEATURE_VALUE, values, hour(0), end, ml__feature__name="x"),
                        alone.counter(semconv.METRIC_SDK_PREDICTIONS, 60 * (window + 1), hour(0), end),
                    ),
                ),
            ]
        )
    return found


@cache
def honest() -> list[list[Request]]:
    """What the honest models send, by window."""
    return traffic(*HONEST, seed=1)


def strange(chance: Random) -> list[list[Request]]:
    """What the stranger sends, by window: mutations of the like about models of its own, and a baseline for them."""
    plain = json.loads(baseline().to_bytes()) | {"model": "stranger"}
    found: list[list[Request]] = []
    published = publish(plain, Writer(instance="stranger", model="stranger"), hour(0), chance)
    names = "stranger", "strange-spans", "strange-without"
    for requests in traffic(*names, seed=chance.randrange(10**6), id=published.id):
        mutated = [(kind, mutate(kind, data, chance)) for kind, data in requests for _ in range(chance.randint(0, 2))]
        chance.shuffle(mutated)
        found.append(mutated)
    found[0].append((SignalKind.LOGS, published.request))  # the first to be taken
    return found


class Processor:
    """A processor without sockets: everything else is the real thing."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.stored = {baseline().id: baseline().to_bytes()}
        self.units: dict[str, bytes] = {}
        self.said: list[bytes] = []
        self._since: list[Request] = []
        self._outgoing = Outgoing(Config(), {semconv.SERVICE_NAME: "fuzzed"}, self.telemetry, 1)
        self._begin()

    def take(self, kind: SignalKind, data: bytes) -> None:
        """Take a request, which is durable from then on."""
        if self._apply(kind, data):
            self._since.append((kind, data))

    def checkpoint(self) -> None:
        """Judge what is ripe, say it, and write the state."""
        said = self._engine.advance(LATER)
        for signal in said:
            if isinstance(signal, BaselineSignal) and signal.learned:
                self.stored[learned_key(signal.learned.id)] = signal.learned.to_bytes()
        requests: Requests = self._outgoing.events([signal for signal in said if isinstance(signal, Event)], LATER)
        standing, unsaid = self._outgoing.standing(self._engine.standing(0), LATER)
        self._engine.leave_unsaid(unsaid)
        # A request gathers points of all models by the names of their metrics, in an order that depends on all of them.
        self.said += sorted(about for request in (*requests, *standing) for about in _about(*request, HONEST))
        assert self._outgoing.own({}, LATER)
        self.units = {key: data for key, data in (self.units | self._engine.dirty()).items() if data is not None}
        self._engine.saved()
        self._since.clear()

    def crash(self) -> None:
        """Lose all but the state of the last checkpoint, and read again what came since."""
        self._begin()
        for kind, data in self._since:
            assert self._apply(kind, data)

    def failures(self) -> dict[str, int]:
        """Faults of its own by reason."""
        return {
            str(dict(attributes)[semconv.REASON]): number
            for (name, attributes), number in self.telemetry.counts().items()
            if name == semconv.METRIC_PROCESSOR_FAILED
        }

    def _apply(self, kind: SignalKind, data: bytes) -> bool:
        try:
            decoded = windowing.decode(kind, data, HOUR)
        except WireError:
            return False
        self.stored |= self._engine.apply(decoded, LATER)
        return True

    def _begin(self) -> None:
        known = Baselines.read(None, self.stored)
        rule = LearningRule(2 * HOUR, 10)
        policy = Policy(scales=(1, 3))
        self._engine = Engine(TIMING, known, lambda _: policy, 1_000, self.telemetry, self.units, learning=rule)


class Outcome(NamedTuple):
    """What a run comes to.

    Attributes:
        said: about the honest models, in order, to the bit.
        failures: faults of the processor's own, by reason.
    """

    said: list[bytes]
    failures: dict[str, int]


def run(stranger: Sequence[Sequence[Request]] | None = None, chance: Random | None = None) -> Outcome:
    """Let the honest models send what they have, the stranger's requests among theirs or in the same ones."""
    processor, chance = Processor(), chance or Random(0)
    crash = None if stranger is None else chance.randrange(WINDOWS)
    for window, requests in enumerate(honest()):
        mixed = requests if stranger is None else list(_mixed(requests, stranger[window], chance))
        half = chance.randrange(len(mixed))
        for place, request in enumerate(mixed):
            if (window, place) == (crash, half):
                processor.crash()
            processor.take(*request)
        processor.checkpoint()
    return Outcome(processor.said, processor.failures())


def _mixed(requests: Sequence[Request], stranger: Sequence[Request], chance: Random) -> Iterator[Request]:
    """The honest requests in their order, and the stranger's before, between, or as resources of the same request."""
    waiting = list(stranger)
    for kind, data in requests:
        while waiting and chance.random() < 0.6:
            yield waiting.pop()
        same = [place for place, (other, _) in enumerate(waiting) if other is kind]
        if same and chance.random() < 0.5:
            resource = field(1, waiting.pop(chance.choice(same))[1])
            data = resource + data if chance.random() < 0.5 else data + resource
        yield kind, data
    yield from waiting


def _about(kind: SignalKind, data: bytes, models: Sequence[str]) -> Iterator[bytes]:
    """Each point and event about ``models``, with all that stands around it."""
    message = ExportMetricsServiceRequest if kind is SignalKind.METRICS else ExportLogsServiceRequest
    for leaf in leaves([message.FromString(data)]):
        if leaf.attributes.get(semconv.MODEL_NAME) in models:
            yield leaf.within + leaf.data.SerializeToString(deterministic=True)
