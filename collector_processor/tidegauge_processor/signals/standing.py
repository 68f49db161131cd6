"""Signals that hold until a newer one replaces them: gauges and cumulative counters on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from tidegauge_processor.signals.subject import Subject
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Verdict


@dataclass(frozen=True, slots=True)
class DriftSignal:
    """The verdict on one stream over one window or some merged ones.

    Attributes:
        target: ``feature``, ``joint``, ``attribution``, ``prediction``, ``score`` or ``quality``.
        name: the feature's name; empty for a prediction.
        detail: kind of violation, for quality.
        window: length of the windows merged, such as ``24h``.
        rows: rows compared.
        state: what is claimed.
        p_values: p-value by test.
        scores: statistic by test and effect size by variant.
        level: level below which a p-value counts as evidence.
        reason: why there is no verdict, or what it rests on.
        versus: the version compared with; empty where it is the baseline.
    """

    subject: Subject
    target: str
    name: str
    detail: str
    window: str
    rows: int
    state: State
    p_values: Mapping[str, float]
    scores: Mapping[str, float]
    level: float
    reason: str
    versus: str = ""

    @classmethod
    def of(cls, verdict: Verdict, subject: Subject, window: str, versus: str = "") -> Self:
        """Say a verdict on windows called ``window``; of a learned baseline it also says that its bins are coarse."""
        coarse = "the reference was learned from exponential bins" if subject.origin == "learned" else ""
        return cls(
            replace(subject, start=verdict.start),
            verdict.stream.target,
            verdict.stream.name,
            verdict.stream.detail,
            window,
            verdict.rows,
            verdict.state,
            {test.method: test.p_value for test in verdict.tests},
            {test.method: test.statistic for test in verdict.tests} | dict(verdict.effects),
            verdict.level,
            "; ".join(part for part in (verdict.reason, coarse) if part),
            versus,
        )


@dataclass(frozen=True, slots=True)
class RateSignal:
    """A number without a verdict: a share of rows or calls, a score, a shift that would have been found.

    Attributes:
        metric: such as ``ml.data_quality.rate`` or ``ml.drift.detectable_shift``.
        dimensions: attributes such as the feature's name.
        value: in the unit of the metric.
    """

    subject: Subject
    metric: str
    dimensions: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class EvaluationSignal:
    """Performance of the predictions of one stretch of time, measured on labels or estimated without them.

    Attributes:
        name: ``accuracy``, ``roc_auc``, ...
        value: the estimate.
        lower: lower end of its 95 % interval.
        upper: upper end.
        labels: labels that it rests on; rows for an estimate and for the selection rate of all predictions.
        type: ``realized`` or ``estimated``.
        klass: class that it is about; empty for all.
        segment: name and value of the slice that it is about; None for all rows.
        completeness: share of the predictions that it rests on: whose label has arrived, or 1 for a selection rate of
            all; None when it is not known.
        unweighted: the number with all labels counting alike, where they are weighed.
    """

    subject: Subject
    name: str
    value: float
    lower: float
    upper: float
    labels: int
    type: Literal["realized", "estimated"] = "realized"
    klass: str = ""
    segment: tuple[str, str] | None = None
    completeness: float | None = None
    unweighted: float | None = None


@dataclass(frozen=True, slots=True)
class FairnessSignal:
    """How far apart the groups of a segment lie.

    Attributes:
        segment: name of the segment.
        rate: ``selection_rate``, ``true_positive_rate`` or ``false_positive_rate``.
        value: largest less smallest rate of the groups.
        lower: lower end of its interval.
        upper: upper end.
        labels: rows that it rests on.
        completeness: as of an evaluation.
    """

    subject: Subject
    segment: str
    rate: str
    value: float
    lower: float
    upper: float
    labels: int
    completeness: float | None = None


@dataclass(frozen=True, slots=True)
class ReliabilitySignal:
    """One bin of the reliability curve: how often what scores promise came true.

    Attributes:
        bin: from which score to which, such as ``0.3-0.4``.
        score: mean score of the labelled rows in it.
        value: share of them that are positive, or of several classes were predicted right.
        lower: lower end of its 95 % interval.
        upper: upper end.
        labels: rows that it rests on.
    """

    subject: Subject
    bin: str
    score: float
    value: float
    lower: float
    upper: float
    labels: int


@dataclass(frozen=True, slots=True)
class WindowSignal:
    """A model version has been judged up to the subject's end.

    Attributes:
        rows: rows predicted in this window.
        baseline_age: seconds from the last reference row to the end of the window; None without a time.
        learning: how much of a baseline is learned, from 0 to 1; None when none is.
        completeness: share of the rows predicted, by those who predicted them, that arrived; None when nobody says.
    """

    subject: Subject
    rows: int
    baseline_age: float | None
    learning: float | None = None
    completeness: float | None = None


@dataclass(frozen=True, slots=True)
class Durations:
    """How long calls took, in s: explicit bounds, counts between them, and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class TotalsSignal:
    """What a model version has counted up to the subject's end.

    Attributes:
        since: when counting began, ns since the epoch.
        rows: rows in closed windows.
        incidents: incidents opened.
        durations: duration of calls by ``error.type``; empty for success.
        traces: example calls of the latest incident, as (trace id, span id).
    """

    subject: Subject
    since: int
    rows: int
    incidents: int
    durations: Mapping[str, Durations]
    traces: tuple[tuple[str, str], ...]
