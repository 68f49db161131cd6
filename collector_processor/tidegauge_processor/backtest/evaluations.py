"""What labels say, and what is estimated without them, as plain records: its part of the contract of the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from tidegauge_processor.backtest.record import Number, Record, moment
from tidegauge_processor.signals import EvaluationSignal, FairnessSignal, ReliabilitySignal, Signal


class EvaluationRecord(Record):
    """One number about the performance in one stretch of time.

    Attributes:
        start: of the predictions' time.
        end: of it, exclusive.
        name: such as ``accuracy``; of groups also ``selection_rate``, ``true_positive_rate`` and
            ``false_positive_rate``, and with ``_difference`` or ``_ratio`` each held against all the others.
        type: ``realized`` when measured on labels or, of a selection rate, on all predictions; ``estimated`` where it
            is not.
        segment: name and value of the group that it is about, as ``region=north``; the name alone where it is the
            largest difference between its groups; null for all rows.
        klass: the class that it is about, ``class`` in the JSON; null for all.
        value: the number.
        lower: lower end of its 95 % interval.
        upper: upper end.
        labels: labels that it rests on; rows for an estimate and for a selection rate.
        completeness: share of the predictions that it rests on: those whose label had come, all of them for a selection
            rate; null for an estimate.
        unweighted: the number with all labels counting alike; null where they do.
    """

    start: datetime
    end: datetime
    name: str
    type: Literal["realized", "estimated"]
    segment: str | None
    klass: str | None = Field(serialization_alias="class")
    value: Number
    lower: Number
    upper: Number
    labels: int
    completeness: Number
    unweighted: Number


class ReliabilityRecord(Record):
    """One bin of the reliability curve of a cohort of predictions.

    Attributes:
        start: of the predictions' time.
        end: of it, exclusive.
        bin: from which score to which, such as ``0.3-0.4``.
        score: mean score of the labelled rows in it.
        share: share of them that are positive, or of several classes were predicted right.
        lower: lower end of its 95 % interval.
        upper: upper end.
        labels: rows that it rests on.
    """

    start: datetime
    end: datetime
    bin: str
    score: float
    share: float
    lower: float
    upper: float
    labels: int


class LabelsRecord(Record):
    """What became of the rows of a file that has a column of labels.

    Attributes:
        window: length of a cohort of predictions, such as ``24h``.
        wait: how long after its end a cohort was judged.
        used: labels that had come until then.
        late: labels that came later.
        unlabelled: rows without a label.
        without_time: labels without a time.
        before_prediction: labels that say that they came before their prediction; they were taken to come at once.
        unreadable: labels that are none of the task; of a ranking also those of rows without a list or a score.
    """

    window: str
    wait: str
    used: int
    late: int
    unlabelled: int
    without_time: int
    before_prediction: int
    unreadable: int


def evaluation_records(signals: Sequence[Signal]) -> Iterator[EvaluationRecord]:
    """The evaluations among ``signals``, which are about one stretch of time."""
    for signal in signals:
        if isinstance(signal, EvaluationSignal):
            segment = None if signal.segment is None else "=".join(signal.segment)
            about = signal.name, signal.type, segment, signal.klass or None
            yield _record(signal, *about, signal.completeness, signal.unweighted)
        elif isinstance(signal, FairnessSignal):
            yield _record(signal, f"{signal.rate}_difference", "realized", signal.segment, None, signal.completeness)


def reliability_records(signals: Sequence[Signal]) -> Iterator[ReliabilityRecord]:
    """The reliability curve among ``signals``."""
    for signal in signals:
        if isinstance(signal, ReliabilitySignal):
            yield ReliabilityRecord(
                start=moment(signal.subject.start),
                end=moment(signal.subject.end),
                bin=signal.bin,
                score=signal.score,
                share=signal.value,
                lower=signal.lower,
                upper=signal.upper,
                labels=signal.labels,
            )


def _record(
    signal: EvaluationSignal | FairnessSignal,
    name: str,
    type: Literal["realized", "estimated"],
    segment: str | None,
    klass: str | None,
    completeness: float | None,
    unweighted: float | None = None,
) -> EvaluationRecord:
    return EvaluationRecord(
        start=moment(signal.subject.start),
        end=moment(signal.subject.end),
        name=name,
        type=type,
        segment=segment,
        klass=klass,
        value=signal.value,
        lower=signal.lower,
        upper=signal.upper,
        labels=signal.labels,
        completeness=completeness,
        unweighted=unweighted,
    )
