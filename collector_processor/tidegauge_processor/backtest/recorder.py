"""From verdicts and evaluations to the records of a backtest, window by window."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from tidegauge.baseline import Baseline
from tidegauge_processor.backtest import cohorts
from tidegauge_processor.backtest.evaluations import (
    EvaluationRecord,
    LabelsRecord,
    ReliabilityRecord,
    evaluation_records,
    reliability_records,
)
from tidegauge_processor.backtest.record import moment
from tidegauge_processor.backtest.results import (
    Backtest,
    IncidentRecord,
    StreamRecord,
    WindowRecord,
    WindowStreamRecord,
    stream_name,
)
from tidegauge_processor.evaluating import evaluation_signal, subject_of
from tidegauge_processor.judging import Judged, Told, window_name
from tidegauge_processor.paging import pages
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.performance.evaluate import Evaluation
from tidegauge_processor.records import ModelKey
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.ranking import strength
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Verdict


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
        self._reliability: list[ReliabilityRecord] = []

    def add(self, start: int, end: int, rows: int, judged: Judged, estimated: Iterable[Evaluation]) -> None:
        """Take up a window from ``start`` to ``end``, ns since the epoch, and how good its predictions should be."""
        by_stream = groupby(judged.verdicts, key=lambda verdict: verdict.stream)  # the judge has put them in order
        streams = [self._window_stream(list(verdicts)) for _, verdicts in by_stream]
        self._windows.append(WindowRecord(start=moment(start), end=moment(end), rows=rows, streams=streams))
        for told in judged.changes:
            self._incidents[told.change.id] = self._of_windows(told)
        subject = subject_of(ModelKey(self._baseline.model, self._baseline.version), self._baseline, start, end)
        self._evaluations += evaluation_records([evaluation_signal(subject, each) for each in estimated])

    def bring_up_to_date(self, told: Told) -> None:
        """Take up what is known by now of an open incident; streams that only moved with the others stay listed."""
        known = self._incidents[told.change.id]
        found = self._of_windows(told)
        named = {(stream.target, stream.name) for stream in found.streams}
        others = [stream for stream in known.streams if (stream.target, stream.name) not in named]
        self._incidents[found.id] = found.model_copy(update={"streams": [*found.streams, *others]})

    def add_labels(self, judged: cohorts.Judged, length: int) -> None:
        """Take up what labels say of cohorts of ``length`` ns."""
        self._evaluations += evaluation_records(judged.evaluated.signals)
        self._reliability += reliability_records(judged.evaluated.signals)
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
            reliability=self._reliability,
        )

    def _window_stream(self, verdicts: list[Verdict]) -> WindowStreamRecord:
        alarms = [verdict for verdict in verdicts if verdict.state.alarming]
        headline = min(alarms, key=strength) if alarms else verdicts[0]
        states = {window_name(v.scale * self._policy.window_length): v.state for v in verdicts}
        return WindowStreamRecord(**self._fields(headline, self._policy.window_length), states=states)

    def _of_windows(self, told: Told) -> IncidentRecord:
        return self._incident(told.change, told.change.end, self._policy.window_length, told.effect)

    def _incident(
        self, change: IncidentChange, said_at: int, length: int, effect: Effect | None = None
    ) -> IncidentRecord:
        known = self._incidents.get(change.id)
        return IncidentRecord(
            id=change.id,
            opened=known.opened if known else moment(said_at),
            closed=moment(said_at) if change.kind == "closed" else None,
            close_reason=change.reason,
            change_point=moment(change.change_point),
            level="material" if change.state is State.MATERIAL else "changed",
            pages=pages(change, effect) or (known is not None and known.pages),
            effect=effect or (known.effect if known else None),
            streams=[StreamRecord(**self._fields(verdict, length)) for verdict in change.ranking],
        )

    def _fields(self, verdict: Verdict, length: int) -> dict[str, Any]:
        tested = bool(verdict.tests)
        main = verdict.main_effect
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
