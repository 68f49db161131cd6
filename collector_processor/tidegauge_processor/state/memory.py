"""What a model version remembers from one closed window to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from pydantic import TypeAdapter

from tidegauge.baseline import Baseline
from tidegauge.errors import WireError
from tidegauge.summaries import OTHER, NumericSummary
from tidegauge_processor.performance.arrivals import Arrivals
from tidegauge_processor.performance.effect import Expected
from tidegauge_processor.performance.fairness import Counts
from tidegauge_processor.performance.judging import Labelled
from tidegauge_processor.performance.likely import Predicted
from tidegauge_processor.performance.selection import Selection
from tidegauge_processor.records import StreamKey
from tidegauge_processor.signals import Event, Group, Signal, Standing, TotalsSignal, group_of
from tidegauge_processor.state.aggregates import load_stream, load_summary
from tidegauge_processor.state.challenge import Challenge
from tidegauge_processor.state.counted import dump_counted, load_counted
from tidegauge_processor.state.learning import Learning
from tidegauge_processor.state.windows import Snapshot
from tidegauge_processor.state.writers import Writers
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.types import Window

FORMAT: Final = "tidegauge.memory/9"
"""Version of the bytes that `Memory.dump` writes."""

MOST_ERRORS: Final = 100
MOST_VIOLATIONS: Final = 2_000
"""Kinds that have series of their own, as long as the model lives; what comes later shares one."""

_STANDING: Final[TypeAdapter[list[Standing]]] = TypeAdapter(list[Standing])


class Memory:
    """State of one model version beside its open windows.

    Attributes:
        started: start of the first window that closed, ns since the epoch: where the cumulative counters begin.
        watermark: event time up to which points of the fastest writer are expected to be complete, ns since the epoch.
        writers: who writes, and how far each has come.
        label_watermark: the same for outcomes.
        last_seen: when data last came, by the clock on the wall, ns since the epoch.
        closed_until: windows that start before have been judged.
        unjudged: starts of the cohorts that got labels since they were last judged.
        baseline: id of the baseline in force.
        task: what the model does, as its outcomes or spans say; empty when nobody has said.
        outputs: what its predictions look like, as far as outcomes tell.
        carried: what each cumulative stream had counted when its last window closed, and since which start.
        metric_writers: writers that sent feature metrics in the last closed window, so that their spans do not count.
        history: counts of the latest closed windows, oldest first, without gaps.
        expected: what the windows of the history promise of their performance, by start.
        incidents: open and past incidents.
        violations: feature and kind of every violation so far, so that a rate falls back to zero.
        errors: every ``error.type`` so far.
        rows: rows in closed windows.
        opened: incidents opened.
        durations: duration of calls by ``error.type``.
        traces: example calls of the latest incident against the baseline.
        standing: what holds at present.
        learned: id of the baseline that was learned for want of another; empty when there was none.
        learning: what is learned from at present; its sums are large and are kept apart from the rest.
        recent: start and rows of the latest closed windows that had any, oldest first.
        challenge: comparison with another version, when it is judged beside one.
        predicted: rows predicted by start of the cohort, in closed windows.
        selections: predictions by group in the closed windows of cohorts that are not complete, by their start.
        selected: rows not selected and selected, by segment and group, of the latest complete cohorts, by their start.
        selected_until: end of the latest of them; predictions of earlier ones come too late.
        groups_counted: whether predictions have come with segments; without, only labelled rows tell of groups.
        arrivals: how soon labels arrive.
        learned_until: time of labels up to which ``arrivals`` has learned, ns since the epoch.
        labelled: what tests need to know of the latest cohorts, by their start; all with the bins of one baseline.
        label_incidents: open and past incidents of a model that labels have shown to be worse.
        fairness_incidents: the same of groups that lie apart.
        untested: starts of the cohorts that wait for their labels to be in.
        tested: starts of those that have been tested, as long as they take labels.
        label_tick: number of the cohort up to whose wait it has been tried to test.
        unreadable: outcomes that do not fit the task, by start of the cohort, as far as they have been counted.
    """

    def __init__(self) -> None:
        self.started = 0
        self.watermark = 0
        self.writers = Writers()
        self.label_watermark = 0
        self.last_seen = 0
        self.closed_until = 0
        self.unjudged: set[int] = set()
        self.baseline = ""
        self.task = ""
        self.outputs = Predicted()
        self.carried: dict[tuple[str, StreamKey], tuple[int, Snapshot]] = {}
        self.metric_writers: set[str] = set()
        self.history: list[Window] = []
        self.expected: dict[int, Expected] = {}
        self.incidents = IncidentLog()
        self.violations: set[tuple[str, str]] = set()
        self.errors: set[str] = set()
        self.rows = 0
        self.opened = 0
        self.durations: dict[str, NumericSummary] = {}
        self.traces: tuple[tuple[str, str], ...] = ()
        self.standing: list[Standing] = []
        self.learned = ""
        self.learning = Learning()
        self.recent: list[tuple[int, int]] = []
        self.challenge: Challenge | None = None
        self.predicted: dict[int, int] = {}
        self.selections: dict[int, Selection] = {}
        self.selected: dict[int, dict[str, Counts]] = {}
        self.selected_until = 0
        self.groups_counted = False
        self.arrivals = Arrivals()
        self.learned_until = -1
        self.labelled: dict[int, Labelled] = {}
        self.label_incidents = IncidentLog()
        self.fairness_incidents = IncidentLog()
        self.untested: set[int] = set()
        self.tested: set[int] = set()
        self.label_tick = -1
        self.unreadable: dict[int, int] = {}

    def task_of(self, baseline: Baseline | None) -> tuple[str, str | None]:
        """What the model does, and its positive class where that is known.

        The baseline knows best, and then who says it; else it is what predictions look like, and empty if that is
        nothing.
        """
        if baseline:
            return baseline.task, baseline.positive
        likely = self.outputs.likely
        return self.task or likely.task, likely.positive

    def stand(self, group: Group, said: Iterable[Signal]) -> None:
        """Let what is said of a group, but not events, stand in the place of its older signals."""
        others = [signal for signal in self.standing if group_of(signal) != group]
        new = [signal for signal in said if not isinstance(signal, Event) and group_of(signal) == group]
        self.standing = [*others, *new]

    def stand_unless_older(self, group: Group, said: Iterable[Signal]) -> None:
        """The same, where what stands is not of a later cohort."""
        known = next((signal.subject.start for signal in self.standing if group_of(signal) == group), None)
        new = [signal for signal in said if not isinstance(signal, Event) and group_of(signal) == group]
        if new and (known is None or known <= new[0].subject.start):
            self.stand(group, new)

    def leave_unsaid(self, signals: Iterable[Standing]) -> None:
        """Forget standing ``signals`` that cannot be said; totals among them are counted anew."""
        unsaid = list(signals)
        self.standing = [signal for signal in self.standing if not any(signal is each for each in unsaid)]
        if any(isinstance(signal, TotalsSignal) for signal in unsaid):
            self.restart_totals(self.closed_until)

    def restart_totals(self, start: int) -> None:
        """Count from ``start`` (ns since the epoch) on again, as cumulative counters may."""
        self.started, self.rows, self.opened, self.durations = start, 0, 0, {}

    def error_series(self, error_type: str) -> str:
        """The series that calls with ``error_type`` belong to: its own while there is room, else ``_other``."""
        if error_type and error_type not in self.errors:
            if len(self.errors) >= MOST_ERRORS:
                error_type = OTHER
            self.errors.add(error_type)
        return error_type

    def violation_series(self, violation: tuple[str, str]) -> tuple[str, str]:
        """The series of a feature and kind: its own while there is room, else the one without a name."""
        if violation not in self.violations:
            if len(self.violations) >= MOST_VIOLATIONS:
                violation = "", ""
            self.violations.add(violation)
        return violation

    def dump(self) -> bytes:
        """Canonical bytes."""
        plain = {name: getattr(self, name) for name in _PLAIN} | {
            "format": FORMAT,
            "carried": [
                [
                    writer,
                    list(stream),
                    start,
                    latest.end,
                    latest.value if isinstance(latest.value, int) else latest.value.dump(),
                ]
                for (writer, stream), (start, latest) in sorted(self.carried.items(), key=lambda item: item[0])
            ],
            "writers": self.writers.dump(),
            "unjudged": sorted(self.unjudged),
            "metric_writers": sorted(self.metric_writers),
            "history": [dump_counted(window) for window in self.history],
            "expected": [[start, each.dump()] for start, each in sorted(self.expected.items())],
            "incidents": self.incidents.dump(),
            "violations": sorted(self.violations),
            "errors": sorted(self.errors),
            "durations": {error: summary.dump() for error, summary in sorted(self.durations.items())},
            "traces": self.traces,
            "standing": _STANDING.dump_python(self.standing, mode="json"),
            "learning": self.learning.head(),
            "recent": self.recent,
            "challenge": self.challenge.dump() if self.challenge else None,
            "predicted": sorted(self.predicted.items()),
            "selections": [[start, each.dump()] for start, each in sorted(self.selections.items())],
            "selected": sorted(self.selected.items()),
            "arrivals": self.arrivals.dump(),
            "labelled": [[at, counts.dump()] for at, counts in sorted(self.labelled.items())],
            "label_incidents": self.label_incidents.dump(),
            "fairness_incidents": self.fairness_incidents.dump(),
            "untested": sorted(self.untested),
            "tested": sorted(self.tested),
            "unreadable": sorted(self.unreadable.items()),
            "outputs": self.outputs.dump(),
        }
        return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def load(cls, data: bytes) -> Memory:
        """Read what `dump` wrote.

        Raises:
            WireError: the bytes are of another version.
        """
        plain = json.loads(data)
        if plain.get("format") != FORMAT:
            raise WireError(f"state of format {plain.get('format')!r} cannot be read; this version reads {FORMAT!r}")
        memory = cls()
        for name in _PLAIN:
            setattr(memory, name, plain[name])
        for writer, stream, start, end, value in plain["carried"]:
            latest = Snapshot(end, value if isinstance(value, int) else load_summary(value))
            memory.carried[writer, load_stream(*stream)] = (start, latest)
        memory.writers = Writers.load(plain.get("writers", []))  # an earlier build knew none
        memory.unjudged = set(plain["unjudged"])
        memory.metric_writers = set(plain["metric_writers"])
        memory.history = [load_counted(window) for window in plain["history"]]
        memory.expected = {start: Expected.load(each) for start, each in plain["expected"]}
        memory.incidents = IncidentLog.load(plain["incidents"])
        memory.violations = {(feature, kind) for feature, kind in plain["violations"]}
        memory.errors = set(plain["errors"])
        memory.durations = {error: NumericSummary.load(summary) for error, summary in plain["durations"].items()}
        memory.traces = tuple((trace, span) for trace, span in plain["traces"])
        memory.standing = _STANDING.validate_python(plain["standing"])
        memory.learning = Learning.load(plain["learning"])
        memory.recent = [(start, rows) for start, rows in plain["recent"]]
        memory.challenge = Challenge.load(plain["challenge"]) if plain["challenge"] else None
        memory.predicted = dict(plain["predicted"])
        memory.selections = {start: Selection.load(each) for start, each in plain["selections"]}
        memory.selected = {
            start: {
                name: {group: (misses, hits) for group, (misses, hits) in of.items()} for name, of in segments.items()
            }
            for start, segments in plain["selected"]
        }
        memory.arrivals = Arrivals.load(plain["arrivals"])
        memory.labelled = {at: Labelled.load(counts) for at, counts in plain["labelled"]}
        memory.label_incidents = IncidentLog.load(plain["label_incidents"])
        memory.fairness_incidents = IncidentLog.load(plain["fairness_incidents"])
        memory.untested = set(plain["untested"])
        memory.tested = set(plain["tested"])
        memory.unreadable = dict(plain["unreadable"])
        memory.outputs = Predicted.load(plain["outputs"])
        return memory


_PLAIN: Final = (
    "started",
    "watermark",
    "label_watermark",
    "last_seen",
    "closed_until",
    "baseline",
    "task",
    "learned",
    "rows",
    "opened",
    "selected_until",
    "groups_counted",
    "learned_until",
    "label_tick",
)
