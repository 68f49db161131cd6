"""The outcome of one prediction."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    id: str
    predicted_at: int
    recorded_at: int
    klass: str | None
    score: float | None
    value: float | None
    actual: str | float
    segments: tuple[tuple[str, str], ...] = ()
