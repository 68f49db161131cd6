"""What a backtest says, as plain records: the contract of its JSON.

Times are ISO 8601 in UTC. What is not known is null, never NaN. The README of the processor has the fields in a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

from tidegauge.baseline import Baseline
from tidegauge.errors import DataError
from tidegauge_processor import comparison
from tidegauge_processor.backtest import cohorts
from tidegauge_processor.backtest.evaluations import EvaluationRecord, LabelsRecord, evaluation_records
from tidegauge_processor.backtest.record import Number, Record, moment
from tidegauge_processor.evaluating import evaluation_signal, subject_of
from tidegauge_processor.judging import Judged, window_name
from tidegauge_processor.performance.evaluate import Evaluation
from tidegauge_processor.records import ModelKey
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.ranking import strength
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Stream, Verdict

FORMAT: Final = "tidegauge.backtest/1"
"""Version of the JSON."""

_MAIN_EFFECTS: Final = ("ks_distance", "l_infinity")


class StreamRecord(Record):
    """A claim about one stream.

    Attributes:
        name: the feature's name; ``joint``; ``prediction``; ``score``; for quality the feature's name and the kind
            of violation.
        target: ``feature``, ``joint``, ``attribution``, ``prediction``, ``score`` or ``quality``; with the name it is
            unique in a window. ``performance`` and ``fairness``, in incidents only, are what labels say.
        state: the claim, see `State`.
        window: length of the merged windows that the claim rests on, such as ``24h``.
        rows: rows compared.
        p_value: the smallest of its tests; null without a test.
        threshold: a p-value at or below it is evidence; null without a test.
        effects: effect sizes by variant.
        effect: the one that is held against the floor: KS distance of numbers, L-infinity distance of categories.
        effect_lower: its lower confidence bound.
        effect_upper: its upper confidence bound; null where it is not computed.
        detectable_shift: smallest shift that would have been found, in standard deviations of the reference.
        reason: why there is no verdict, or what it rests on; empty when there is nothing to add.
    """

    name: str
    target: str
    state: State
    window: str
    rows: int
    p_value: Number
    threshold: Number
    effects: dict[str, Number]
    effect: Number
    effect_lower: Number
    effect_upper: Number
    detectable_shift: Number
    reason: str


class WindowStreamRecord(StreamRecord):
    """The claim about one stream at the close of a window: the strongest alarm, or else what the window alone says.

    Attributes:
        states: what was claimed at every scale, by length of the merged windows.
    """

    states: dict[str, State]


class WindowRecord(Record):
    """A window that had rows.

    Attributes:
        start: of the window.
        end: of the window, exclusive.
        rows: rows predicted in it.
        streams: all that was watched.
    """

    start: datetime
    end: datetime
    rows: int
    streams: list[WindowStreamRecord]


class IncidentRecord(Record):
    """A stretch of time in which something was out of the ordinary.

    Attributes:
        id: key of the incident.
        opened: when it would have been said: the end of the window that showed it.
        closed: when its end would have been said; null while it is open.
        change_point: when the change most likely began.
        level: ``material`` when it was worth a page, else ``changed``.
        streams: the streams concerned, strongest evidence first.
    """

    id: str
    opened: datetime
    closed: datetime | None
    change_point: datetime
    level: Literal["changed", "material"]
    streams: list[StreamRecord]


class Backtest(Record):
    """What the processor would have said.

    Attributes:
        format: version of these records.
        model: name of the model.
        version: version of the model.
        baseline: id of the baseline compared with.
        window: length of a window.
        rows: rows in all windows.
        false_incidents_per_month: the budget that the thresholds share.
        effect_floor: effect that a material change is surely above.
        windows: windows that had rows, in order of time.
        incidents: in the order in which they opened.
        labels: what became of the labels; null without a column of them.
        evaluations: how good the predictions were, in order of time.
    """

    format: Literal["tidegauge.backtest/1"] = FORMAT
    model: str
    version: str
    baseline: str
    window: str
    rows: int
    false_incidents_per_month: float
    effect_floor: float
    windows: list[WindowRecord]
    incidents: list[IncidentRecord]
    labels: LabelsRecord | None
    evaluations: list[EvaluationRecord]

    def write(self, path: Path) -> None:
        """Write JSON, one line for each item of a list.

        Raises:
            DataError: the file cannot be written.
        """
        head = self.model_dump_json(exclude=set(_LISTS)).removesuffix("}")
        parts = ((name, ",\n".join(r.model_dump_json(by_alias=True) for r in getattr(self, name))) for name in _LISTS)
        lists = ",\n".join(f'"{name}": [\n{lines}\n]' for name, lines in parts)
        try:
            path.write_text(f"{head},\n{lists}}}\n", encoding="utf-8")
        except OSError as problem:
            raise DataError(f"cannot write {str(path)!r}: {problem.strerror or problem}") from problem


_LISTS: Final = ("windows", "incidents", "evaluations")


class Recorder:
    """Keeps what was said, window by window.

    Args:
        baseline: what the rows are compared with.
        policy: thresholds and budget.
    """

    def __init__(self, baseline: Baseline, policy: Policy) -> None:
        self._baseline = baseline
        self._policy = policy
        self._windows: list[WindowRecord] = []
        self._incidents: dict[str, IncidentRecord] = {}
        self._evaluations: list[EvaluationRecord] = []

    def add(self, start: int, end: int, rows: int, judged: Judged, estimated: Iterable[Evaluation]) -> None:
        """Take up a window from ``start`` to ``end``, ns since the epoch, and how good its predictions should be."""
        by_stream = groupby(judged.verdicts, key=lambda verdict: verdict.stream)  # the judge has put them in order
        streams = [self._window_stream(list(verdicts)) for _, verdicts in by_stream]
        self._windows.append(WindowRecord(start=moment(start), end=moment(end), rows=rows, streams=streams))
        for change in judged.changes:
            self._incidents[change.id] = self._incident(change, change.end, self._policy.window_length)
        subject = subject_of(ModelKey(self._baseline.model, self._baseline.version), self._baseline, start, end)
        self._evaluations += evaluation_records([evaluation_signal(subject, each) for each in estimated])

    def add_labels(self, judged: cohorts.Judged, length: int) -> None:
        """Take up what labels say of cohorts of ``length`` ns."""
        self._evaluations += evaluation_records(judged.evaluated.signals)
        for change in judged.changes:
            self._incidents[change.id] = self._incident(change, judged.at, length)

    def finish(self, labels: LabelsRecord | None = None) -> Backtest:
        """All of it."""
        return Backtest(
            model=self._baseline.model,
            version=self._baseline.version,
            baseline=self._baseline.id,
            window=window_name(self._policy.window_length),
            rows=sum(window.rows for window in self._windows),
            false_incidents_per_month=self._policy.false_incidents_per_month,
            effect_floor=self._policy.effect_floor,
            windows=self._windows,
            incidents=sorted(self._incidents.values(), key=lambda incident: incident.opened),
            labels=labels,
            evaluations=sorted(self._evaluations, key=lambda found: (found.end, found.start)),
        )

    def _window_stream(self, verdicts: list[Verdict]) -> WindowStreamRecord:
        alarms = [verdict for verdict in verdicts if verdict.state.alarming]
        headline = min(alarms, key=strength) if alarms else verdicts[0]
        states = {window_name(v.scale * self._policy.window_length): v.state for v in verdicts}
        return WindowStreamRecord(**self._fields(headline, self._policy.window_length), states=states)

    def _incident(self, change: IncidentChange, said_at: int, length: int) -> IncidentRecord:
        known = self._incidents.get(change.id)
        return IncidentRecord(
            id=change.id,
            opened=known.opened if known else moment(said_at),
            closed=moment(said_at) if change.kind == "closed" else None,
            change_point=moment(change.change_point),
            level="material" if change.state is State.MATERIAL else "changed",
            streams=[StreamRecord(**self._fields(verdict, length)) for verdict in change.ranking],
        )

    def _fields(self, verdict: Verdict, length: int) -> dict[str, Any]:
        tested = bool(verdict.tests)
        main = next((name for name in _MAIN_EFFECTS if name in verdict.effects), "")
        return {
            "name": stream_name(verdict.stream),
            "target": verdict.stream.target,
            "state": verdict.state,
            "window": window_name(verdict.scale * length),
            "rows": verdict.rows,
            "p_value": verdict.p_value if tested else None,
            "threshold": verdict.level if tested else None,
            "effects": dict(verdict.effects),
            "effect": verdict.effects.get(main),
            "effect_lower": verdict.effect_lower if main else None,
            "effect_upper": verdict.effect_upper,
            "detectable_shift": verdict.detectable_shift,
            "reason": verdict.reason,
        }


def stream_name(stream: Stream) -> str:
    """Name of a stream for people.

    >>> [stream_name(Stream(*parts)) for parts in (("feature", "age"), ("score", ""), ("quality", "age", "missing"))]
    ['age', 'score', 'age missing']
    """
    if stream.target in (comparison.JOINT, comparison.PREDICTION, comparison.SCORE):
        return " ".join(filter(None, (stream.target, stream.name)))
    return " ".join(filter(None, (stream.name, stream.detail)))


def shortened(names: Iterable[str], most: int) -> str:
    """The first names, and how many more there are.

    >>> shortened(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    listed = list(names)
    rest = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {rest} more" if rest > 0 else "")
