"""How large an error the baseline's loss model expects of the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidegauge._histogram import Histogram
from tidegauge._table import Table
from tidegauge.baseline.loss import PREDICTION, encode, encode_numbers
from tidegauge.summaries import NumericSummary

if TYPE_CHECKING:
    from tidegauge._model import Model


def loss_histogram(table: Table, model: Model) -> dict[None, Histogram]:
    """Errors to be expected of the rows of ``table`` that have a predicted number; nothing without a loss model.

    An expected error is made of the values of many features, so it says something of each: where one of them is not to
    leave the process as it is, none leave.
    """
    baseline = model.baseline
    loss, value = (None, None) if baseline is None else (baseline.loss, baseline.value)
    options = table.calls[0].options
    if loss is None or value is None or not (options.deny | options.hash).isdisjoint(loss.names):
        return {}
    predicted = np.full(table.rows, np.nan)
    end = 0
    for call in table.calls:
        start, end = end, end + call.rows
        if call.error is None and call.outputs is not None and call.outputs.values is not None:
            predicted[start:end] = call.outputs.values
    rows = np.isfinite(predicted)
    if not rows.any():
        return {}
    present = set(table.names)
    columns = []
    for name in loss.names:
        if name == PREDICTION:
            columns.append(encode_numbers(value, predicted))
        else:
            columns.append(encode(model.features[name], table.column(name) if name in present else [None] * table.rows))
    expected = loss.expect(np.stack(columns, axis=1)[rows])
    return {None: Histogram(NumericSummary.of(expected, loss.error.bins))}
