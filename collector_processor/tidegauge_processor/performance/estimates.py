"""A measured number with its uncertainty, and the reason why there may be none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric on the labels that have arrived.

    Attributes:
        value: the metric on these rows.
        lower: lower end of its 95 % interval.
        upper: upper end of its 95 % interval.
        labels: rows that it rests on.
    """

    value: float
    lower: float
    upper: float
    labels: int


class UndefinedMetricError(Exception):
    """A metric has no value on these rows; the message says why. It never leaves this package."""
