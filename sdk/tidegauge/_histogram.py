"""One stream of numbers within an interval: its summary, and calls that exemplify it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegauge.summaries import ExponentialSummary, NumericSummary
from tidegauge.summaries.bins import DURATION_BOUNDS, Bins

if TYPE_CHECKING:
    from tidegauge._prediction import Prediction

_Key = TypeVar("_Key")

DURATION_BINS: Final = Bins(np.array(DURATION_BOUNDS))


class Example(NamedTuple):
    """A value and the sampled call that it came from."""

    value: float
    time: int
    trace_id: int
    span_id: int


class Examples:
    """The smallest and the largest value among sampled calls, as exemplars.

    >>> examples = Examples()
    >>> for value in (3.0, 1.0, 2.0):
    ...     examples.add(Example(value, 0, 1, 1))
    >>> [example.value for example in examples.shown()]
    [1.0, 3.0]
    """

    __slots__ = ("high", "low")

    def __init__(self) -> None:
        self.low: Example | None = None
        self.high: Example | None = None

    def add(self, example: Example) -> None:
        """Look at one more."""
        if self.low is None or example.value < self.low.value:
            self.low = example
        if self.high is None or example.value > self.high.value:
            self.high = example

    def shown(self) -> list[Example]:
        """One or two examples."""
        return [] if self.low is None or self.high is None else list(dict.fromkeys((self.low, self.high)))


class Histogram:
    """One stream of numbers: its summary and its examples."""

    __slots__ = ("examples", "summary")

    def __init__(self, summary: NumericSummary | ExponentialSummary) -> None:
        self.summary = summary
        self.examples = Examples()

    def add(self, values: NDArray[np.float64], bins: Bins | None) -> None:
        """Add finite ``values``."""
        self.merge(ExponentialSummary.of(values) if bins is None else NumericSummary.of(values, bins))

    def merge(self, summary: NumericSummary | ExponentialSummary) -> None:
        """Add what is summarised already, on the same bins."""
        if isinstance(self.summary, NumericSummary) and isinstance(summary, NumericSummary):
            if self.summary.minimum > self.summary.maximum:  # nothing so far
                self.summary = summary
            else:
                self.summary += summary
        elif isinstance(self.summary, ExponentialSummary) and isinstance(summary, ExponentialSummary):
            self.summary += summary


def empty_histogram(bins: Bins | None) -> Histogram:
    """A stream without values: on ``bins``, or exponential where there are none."""
    return Histogram(ExponentialSummary() if bins is None else NumericSummary(bins.bounds))


def exemplify(examples: Examples, values: NDArray[np.float64], owners: Sequence[Prediction]) -> None:
    """Let the smallest and the largest of ``values`` exemplify them; ``owners`` are the calls they came from."""
    for place in (int(values.argmin()), int(values.argmax())):
        exemplify_one(examples, float(values[place]), owners[place])


def exemplify_one(examples: Examples, value: float, call: Prediction) -> None:
    """Let ``value`` of ``call`` exemplify its stream, when the call was sampled."""
    example = example_of(value, call)
    if example is not None:
        examples.add(example)


def example_of(value: float, call: Prediction) -> Example | None:
    """``value`` and the trace of ``call``; None when no trace of it is kept."""
    context = call.span.get_span_context()
    if context.trace_flags.sampled and context.is_valid:
        return Example(value, call.time, context.trace_id, context.span_id)
    return None


def add_numbers(
    histogram: Histogram, values: NDArray[np.float64], bins: Bins | None, owners: Sequence[Prediction]
) -> None:
    """Add the finite of ``values``, which come from the calls ``owners``, with their examples."""
    finite = np.isfinite(values)
    if not finite.all():
        owners = [call for call, keep in zip(owners, finite.tolist(), strict=True) if keep]
        values = values[finite]
    if values.size:
        histogram.add(values, bins)
        exemplify(histogram.examples, values, owners)


def absorb(into: dict[_Key, Histogram], parts: Mapping[_Key, Histogram]) -> None:
    """Add streams to those of the same key; ``into`` may take over what it does not have yet."""
    for name, part in parts.items():
        own = into.setdefault(name, part)
        if own is not part:
            if isinstance(own.summary, NumericSummary) and isinstance(part.summary, NumericSummary):
                own.summary += part.summary
            if isinstance(own.summary, ExponentialSummary) and isinstance(part.summary, ExponentialSummary):
                own.summary += part.summary
            for example in part.examples.shown():
                own.examples.add(example)
