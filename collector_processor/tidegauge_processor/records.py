"""What arrives, freed from protobuf: the plain records between the OTLP edge and the windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tidegauge import semconv
from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge_processor.performance.outcomes import Made, Outcome, Said

Dimensions = tuple[tuple[str, str], ...]
"""Attributes of a data point beside its identity, in order of their names."""

OVERFLOW: Final[Dimensions] = ((semconv.OVERFLOW, "true"),)
"""Dimensions of the stream that takes up what is beyond the cardinality limit."""

Summary = NumericSummary | ExponentialSummary


class ModelKey(NamedTuple):
    """The unit of work: everything about one version of one model is judged together, and apart from all others."""

    model: str
    version: str


class StreamKey(NamedTuple):
    """One stream of data points of a model version.

    Attributes:
        metric: name of the metric.
        baseline: id of the baseline whose bins the points use; empty without one.
        dimensions: further attributes, such as the feature's name.
    """

    metric: str
    baseline: str
    dimensions: Dimensions

    def dimension(self, name: str) -> str:
        """Value of one attribute; empty when the stream does not have it."""
        return next((value for key, value in self.dimensions if key == name), "")


class Exemplar(NamedTuple):
    """A value that stands for a call: the way from a histogram to a trace."""

    value: float
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Point:
    """A data point of a histogram or of a counter.

    Attributes:
        stream: what it belongs to.
        writer: ``service.instance.id`` of the process that wrote it.
        start: start of its interval, ns since the epoch.
        end: end of its interval, exclusive, ns since the epoch.
        value: a summary, or a number of occurrences.
        cumulative: whether the value counts from ``start`` on, as does every later point, or only this interval.
        exemplars: calls to look at.
        number: how many values or occurrences it counts.
    """

    stream: StreamKey
    writer: str
    start: int
    end: int
    value: Summary | int
    cumulative: bool = False
    exemplars: tuple[Exemplar, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class CallSpan:
    """A predict call of which the span carries its input: one row.

    Attributes:
        writer: ``service.instance.id`` of the process that wrote it.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        start: ns since the epoch.
        end: ns since the epoch.
        error_type: empty when the call succeeded.
        names: feature names, in the order of ``values``.
        values: numbers or strings.
        predicted_class: empty without one.
        score: None without one.
        value: predicted number; None without one.
    """

    writer: str
    trace_id: str
    span_id: str
    start: int
    end: int
    error_type: str
    names: tuple[str, ...]
    values: Sequence[Any]
    predicted_class: str
    score: float | None
    value: float | None


@dataclass(slots=True)
class Payload:
    """What one request holds for one model version and window."""

    points: list[Point] = field(default_factory=list)
    spans: list[CallSpan] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BaselinePart:
    """A part of a published baseline: a slice of the gzipped canonical JSON.

    Attributes:
        baseline: id of the baseline.
        part: number of the part, from 0.
        parts: how many there are.
        body: the slice.
        writer: id of the process that publishes it.
    """

    baseline: str
    part: int
    parts: int
    body: bytes
    writer: str = ""


@dataclass(slots=True)
class Decoded:
    """What one request holds.

    Attributes:
        payloads: points and spans by model version and start of the window (ns since the epoch).
        outcomes: outcomes by model version.
        made: predictions with a key of the application's own, by model version.
        said: outcomes that know only such a key, by model and version; the version is empty when it is not known.
        tasks: what the model does, as its outcomes or spans say.
        baselines: parts of published baselines.
        rejections: data points, spans or log records that cannot be read, by the reason that they are counted under.
        reason: what is wrong with the first of them.
        ignored: items that are none of ours, or our own signals coming back.
        size: about so many bytes it takes in memory.
    """

    payloads: dict[tuple[ModelKey, int], Payload] = field(default_factory=dict)
    outcomes: dict[ModelKey, list[Outcome]] = field(default_factory=dict)
    made: dict[ModelKey, list[Made]] = field(default_factory=dict)
    said: dict[ModelKey, list[Said]] = field(default_factory=dict)
    tasks: dict[ModelKey, str] = field(default_factory=dict)
    baselines: list[BaselinePart] = field(default_factory=list)
    rejections: Counter[str] = field(default_factory=Counter)
    reason: str = ""
    ignored: int = 0
    size: int = 0

    @property
    def items(self) -> int:
        """Number of points, spans, outcomes and halves of outcomes."""
        results = (self.outcomes, self.made, self.said)
        return sum(len(each.points) + len(each.spans) for each in self.payloads.values()) + sum(
            len(several) for of in results for several in of.values()
        )

    @property
    def rejected(self) -> int:
        """Number of items that cannot be read."""
        return self.rejections.total()

    def reject(self, why: str, reason: str, number: int = 1) -> None:
        """Count items that cannot be read, under ``reason``."""
        self.rejections[reason] += number
        self.reason = self.reason or why

    def payload(self, model: ModelKey, window: int) -> Payload:
        """The payload of a window, made on first use."""
        return self.payloads.setdefault((model, window), Payload())
