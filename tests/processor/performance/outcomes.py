"""Outcomes for the tests, from plain columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegauge.score_codes import ScoreCodes, class_set_of, to_codes
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.performance.outcomes import Outcome


def outcome(id: str = "p", at: int = 60, **fields: Any) -> Outcome:
    """An outcome recorded at ``at``; everything that is not said is None."""
    return Outcome(
        id,
        0,
        at,
        *(fields.get(name) for name in ("klass", "score", "value")),
        fields["actual"],
        group=fields.get("group", ""),
        class_scores=fields.get("class_scores"),
    )


def every_class(names: Sequence[str], scores: Iterable[float]) -> ScoreCodes:
    return ScoreCodes(class_set_of(names), to_codes(np.array(scores, dtype=np.float64)).tobytes())


def multiclass_cohort(
    scores: NDArray[np.float64], actual: Iterable[str], names: Sequence[str], said: Sequence[str] | None = None
) -> Cohort:
    """The likeliest of the classes ``names`` is predicted, unless ``said`` is."""
    said = said or [names[place] for place in scores.argmax(axis=1)]
    return cohort_of(
        outcome(str(row), klass=klass, score=float(own.max()), actual=was, class_scores=every_class(names, own))
        for row, (own, klass, was) in enumerate(zip(scores, said, actual, strict=True))
    )


def cohort_of(outcomes: Iterable[Outcome]) -> Cohort:
    cohort = Cohort()
    for each in outcomes:
        cohort.add(each)
    return cohort


def binary_cohort(
    scores: NDArray[np.float64], labels: NDArray[np.bool_], names: tuple[Any, Any] = ("0", "1")
) -> Cohort:
    """Class ``names[1]`` is predicted from a score of 0.5."""
    return cohort_of(
        outcome(str(row), klass=str(names[int(score >= 0.5)]), score=float(score), actual=names[int(label)])
        for row, (score, label) in enumerate(zip(scores, labels, strict=True))
    )


def regression_cohort(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> Cohort:
    return cohort_of(
        outcome(str(row), value=float(said), actual=float(was))
        for row, (said, was) in enumerate(zip(predicted, actual, strict=True))
    )
