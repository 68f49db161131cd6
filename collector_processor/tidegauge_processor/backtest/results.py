"""What a backtest says, as plain records: the contract of its JSON.

Times are ISO 8601 in UTC. What is not known is null, never NaN. The README of the processor has the fields in a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from tidegauge.errors import DataError
from tidegauge_processor import comparison
from tidegauge_processor.backtest.evaluations import EvaluationRecord, LabelsRecord, ReliabilityRecord
from tidegauge_processor.backtest.record import Number, Record
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.verdicts.state import CloseReason, State
from tidegauge_processor.verdicts.types import Stream

FORMAT: Final = "tidegauge.backtest/1"
"""Version of the JSON."""


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
        close_reason: why it closed, which in a backtest is that all is well again; null while it is open.
        change_point: when the change most likely began.
        level: ``material`` when its size is surely above the floor, else ``changed``.
        pages: whether it was worth a page: material, and not only the inputs with performance surely unchanged.
        effect: on performance; null where nothing can be estimated.
        streams: the streams concerned, strongest evidence first.
    """

    id: str
    opened: datetime
    closed: datetime | None
    close_reason: CloseReason | None
    change_point: datetime
    level: Literal["changed", "material"]
    pages: bool
    effect: Effect | None
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
        reliability: how often what scores promise came true, in order of time.
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
    reliability: list[ReliabilityRecord]

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


_LISTS: Final = ("windows", "incidents", "evaluations", "reliability")


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
