"""How large an error the baseline's loss model expects of rows, window by window, as the SDK adds it up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import Baseline
from tidegauge.baseline.loss import PREDICTION, LossModel, encode_numbers
from tidegauge.summaries.exact_sum import ExactSum

Codes = NDArray[np.intp]


class Expected(NamedTuple):
    """Expected errors of some rows.

    Attributes:
        sum: of them, exact in whatever order they were added.
        rows: how many there are.
    """

    sum: ExactSum
    rows: int

    def __add__(self, other: Expected) -> Expected:  # type: ignore[override]
        return Expected(self.sum + other.sum, self.rows + other.rows)


NOTHING_EXPECTED: Final = Expected(ExactSum(), 0)
"""Of no rows."""


def expectations(
    baseline: Baseline,
    loss: LossModel,
    codes: Mapping[str, Codes],
    predicted: NDArray[np.float64],
    place: NDArray[np.intp],
    windows: int,
) -> list[Expected]:
    """Expected errors of the rows with a predicted number, by window.

    Args:
        baseline: has the bins of the predicted numbers.
        loss: its loss model.
        codes: bins or labels of the features, as `tidegauge.baseline.loss.encode` gives them, each ``(rows,)``.
        predicted: numbers, not finite where there is none, shape ``(rows,)``.
        place: window of each row, from 0 to ``windows``, shape ``(rows,)``.
        windows: how many there are.
    """
    assert baseline.value is not None
    own = encode_numbers(baseline.value, predicted)
    columns = [own if name == PREDICTION else codes[name] for name in loss.names]
    expected = loss.expect(np.stack(columns, axis=1))
    return [
        Expected(ExactSum.of(expected[rows]), int(np.count_nonzero(rows)))
        for rows in (np.isfinite(predicted) & (place == window) for window in range(windows))
    ]
