"""The outcome of one prediction; and the two halves of one that travel apart and meet by a key."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from tidegauge.score_codes import ScoreCodes

_EARLIEST: Final = -(1 << 63)
_LATEST: Final = (1 << 63) - 1

Segments = tuple[tuple[str, str], ...]


class Made(NamedTuple):
    """What was predicted, under a key of the application's own.

    Attributes:
        id: the key.
        at: when, ns since the epoch.
        klass: predicted class; None without one.
        score: score of the positive or of the predicted class; None without one.
        value: predicted number; None without one.
        segments: names and values of the slices that the row belongs to.
        ranked: whether it is an item of a list.
        class_scores: scores of every class; None without them.

    Example:
        >>> Made("query-7-3", 0, None, 0.8, None, (), ranked=True).outcome(60, 1.0).group
        'query-7'
    """

    id: str
    at: int
    klass: str | None
    score: float | None
    value: float | None
    segments: Segments
    ranked: bool = False
    class_scores: ScoreCodes | None = None

    def outcome(self, recorded_at: int, actual: str | float) -> Outcome:
        """This prediction with what came of it, recorded at ``recorded_at`` (ns since the epoch).

        Raises:
            ValueError: as `Outcome`.
        """
        id, at, klass, score, value, segments, ranked, class_scores = self
        group = id.rpartition("-")[0] if ranked else ""
        return Outcome(id, at, recorded_at, klass, score, value, actual, segments, group, class_scores)


class Said(NamedTuple):
    """What came of the predictions that bear a key.

    Attributes:
        id: the key.
        recorded_at: when that was recorded, ns since the epoch.
        actual: a class as text, or a number.
    """

    id: str
    recorded_at: int
    actual: str | float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was predicted, and what came of it.

    Attributes:
        id: key of the prediction.
        predicted_at: when it was made, ns since the epoch.
        recorded_at: when its outcome was recorded, ns since the epoch.
        klass: predicted class; None without one.
        score: score of the positive or of the predicted class; None without one.
        value: predicted number; None without one.
        actual: a class as text, or a number.
        segments: names and values of the slices that the row belongs to.
        group: name of the list that a ranked item belongs to, which is its id up to the last dash; empty without one.
        class_scores: scores of every class; None without them.

    Raises:
        ValueError: there is no id, a number is not finite, or a time does not fit 64 bits.

    Example:
        >>> Outcome("p1", 0, 60, "late", 0.8, None, float("nan"))
        Traceback (most recent call last):
        ValueError: outcome of 'p1': actual is nan, not a finite number
    """

    id: str
    predicted_at: int
    recorded_at: int
    klass: str | None
    score: float | None
    value: float | None
    actual: str | float
    segments: Segments = ()
    group: str = ""
    class_scores: ScoreCodes | None = None

    @property
    def known_at(self) -> int:
        """When it was known, ns since the epoch: at once, if its time lies before that of the prediction."""
        return max(self.recorded_at, self.predicted_at)

    def __post_init__(self) -> None:
        # Every outcome passes here, so the good case costs one look at each field.
        if not self.id:
            raise ValueError("an outcome needs the id of its prediction")
        if not (_EARLIEST <= self.recorded_at <= _LATEST and _EARLIEST <= self.predicted_at <= _LATEST):
            raise ValueError(f"outcome of {self.id!r}: a time does not fit 64 bits of nanoseconds")
        if not (
            (self.score is None or math.isfinite(self.score))
            and (self.value is None or math.isfinite(self.value))
            and (isinstance(self.actual, str) or math.isfinite(self.actual))
        ):
            numbers = {"score": self.score, "value": self.value, "actual": self.actual}
            name, number = next((n, x) for n, x in numbers.items() if isinstance(x, float) and not math.isfinite(x))
            raise ValueError(f"outcome of {self.id!r}: {name} is {number}, not a finite number")
