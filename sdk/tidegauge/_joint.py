"""How far the rows of a table lie off the baseline's principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tidegauge._histogram import Histogram, exemplify_one
from tidegauge._table import Table
from tidegauge.baseline import NumericFeature
from tidegauge.baseline.joint import encode
from tidegauge.summaries import NumericSummary

if TYPE_CHECKING:
    from tidegauge._model import Model


def joint_histogram(table: Table, model: Model) -> dict[None, Histogram]:
    """Reconstruction errors of the rows of ``table``; nothing when there is nothing to measure them by.

    An error is made of the values of all features, so it says something of each: where one of them is not to leave the
    process as it is, no errors leave.
    """
    joint, options = model.joint, table.calls[0].options
    if joint is None or not (options.deny | options.hash).isdisjoint(joint.names):
        return {}
    encoded = {}
    for name in set(table.names).intersection(joint.names):
        feature = model.features[name]
        read = table.numbers if isinstance(feature, NumericFeature) else table.categories
        encoded[name] = encode(read(name), feature)
    errors = joint.errors(encoded, table.rows)
    rows = np.flatnonzero(~np.isnan(errors))
    if not rows.size:
        return {}
    errors = errors[rows]
    histogram = Histogram(NumericSummary.of(errors, joint.error.bins))
    for place in (int(errors.argmin()), int(errors.argmax())):
        exemplify_one(histogram.examples, float(errors[place]), table.owner(int(rows[place])))
    return {None: histogram}
