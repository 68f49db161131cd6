"""What the processor says: frozen records, the same for OTLP, for a report and for a page.

A signal is about one model version and one stretch of time. It carries plain values only, so that it can be kept
through a restart and said again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from tidegauge.baseline import Baseline
from tidegauge_processor.comparison import QUALITY
from tidegauge_processor.paging import pages
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """What a signal is about, and what it rests on.

    Attributes:
        model: name of the model.
        version: version of the model.
        baseline: id of the baseline compared with; empty without one.
        source: ``metric`` when every call counts, ``span`` when it rests on the calls whose spans arrived.
        start: start of the stretch of time, ns since the epoch.
        end: its end, exclusive.
        origin: ``learning`` while a baseline is learned, ``learned`` when such a one is compared with; else empty.
    """

    model: str
    version: str
    baseline: str
    source: Literal["metric", "span"]
    start: int
    end: int
    origin: Literal["", "learning", "learned"] = ""


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
        labels: labels that it rests on; rows for an estimate.
        type: ``realized`` or ``estimated``.
        klass: class that it is about; empty for all.
        segment: name and value of the slice that it is about; None for all rows.
        completeness: share of the predictions whose label has arrived; None when it is not known.
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
    """

    subject: Subject
    segment: str
    rate: str
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


@dataclass(frozen=True, slots=True)
class IncidentSignal:
    """An incident opened, grew or closed.

    Attributes:
        id: key of the incident.
        change: what happened.
        since: start of what is out of the ordinary, ns since the epoch.
        change_point: when the change most likely began, ns since the epoch.
        state: ``changed``, or ``material`` when it is worth a page.
        streams: the streams concerned, strongest evidence first, each as a sentence.
        traces: example calls, as (trace id, span id).
        pages: whether somebody should look at once, see `paging`.
        versus: the version compared with; empty where it is the baseline.
        cause: what showed it: ``drift`` of what came in and went out, data ``quality``, ``labels`` that say that the
            model has become worse, or ``fairness`` between groups.
        effect: what is expected of the performance in the windows that showed it; None where nothing is known.
    """

    subject: Subject
    id: str
    change: Literal["opened", "grew", "closed"]
    since: int
    change_point: int
    state: State
    streams: tuple[str, ...]
    traces: tuple[tuple[str, str], ...]
    pages: bool
    versus: str = ""
    cause: Literal["drift", "quality", "labels", "fairness"] = "drift"
    effect: Effect | None = None

    @classmethod
    def of(
        cls,
        change: IncidentChange,
        subject: Subject,
        traces: tuple[tuple[str, str], ...] = (),
        effect: Effect | None = None,
    ) -> Self:
        """Say what became of an incident."""
        return cls(
            subject,
            change.id,
            change.kind,
            change.since,
            change.change_point,
            change.state,
            change.sentences(),
            traces,
            pages(change, effect),
            cause="quality" if change.cause == QUALITY else "drift",
            effect=effect,
        )


@dataclass(frozen=True, slots=True)
class BaselineSignal:
    """Another baseline is in force.

    Attributes:
        previous: id of the one before; empty when there was none.
        learned: the baseline itself, when it has just been learned.
    """

    subject: Subject
    previous: str
    learned: Baseline | None = None


Standing = DriftSignal | RateSignal | EvaluationSignal | FairnessSignal | WindowSignal | TotalsSignal
"""Signals that hold until a newer one replaces them."""

Event = IncidentSignal | BaselineSignal
"""Signals that are said once."""

Signal = Standing | Event

Group = Literal["window", "comparison", "cohort"]


def group_of(signal: Standing) -> Group:
    """What a standing signal came from; newer ones of a group replace all older ones."""
    if isinstance(signal, FairnessSignal) or (isinstance(signal, EvaluationSignal) and signal.type == "realized"):
        return "cohort"
    return "comparison" if isinstance(signal, DriftSignal) and signal.versus else "window"
