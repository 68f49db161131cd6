"""How large an error is to be expected of a row: a small model of the model's loss, fitted when labels are at hand.

Where labels are late, the mean of what it expects estimates the mean absolute error (direct loss estimation). It is a
sum of regression trees, each fitted to what the ones before left over (gradient boosting), on the bins that the
baseline has anyway: a row is a tuple of bin numbers, one a feature and one for the predicted number, and a tree asks
at each level whether one of them is above a cut. All trees have the same depth, so that a row's leaf is found with a
few array look-ups and no branching; NumPy is all that is needed.

Source: J. H. Friedman (2001), Greedy function approximation, Ann. Stat. 29, 1189; the estimate is NannyML's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline.counting import SlottedRows, numeric_feature
from tidegauge.baseline.features import CategoricalFeature, Feature, NumericFeature
from tidegauge.columns import NumericColumn, categorical_column, numeric_column
from tidegauge.errors import BaselineError

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

PREDICTION: Final = ""
"""Name under which the predicted number stands among the inputs."""
MOST_ROWS: Final = 100_000
"""Rows that the trees are fitted on, spread evenly over the reference: 50 features of so many take ten seconds."""

_TREES: Final = 30
_DEPTH: Final = 5
_RATE: Final = 0.2
_SHRINKAGE: Final = 20.0  # rows without an error of their own that every leaf is mixed with
_FEWEST: Final = 20  # rows on each side of a cut


@dataclass(frozen=True, eq=False)
class LossModel:
    """Trees that expect the size of a row's error.

    Args:
        names: the features that they ask for; `PREDICTION` is the predicted number.
        start: expected error before the first tree.
        inputs: which of the names each question is about, level by level, shape ``(trees, 2**depth - 1)``.
        cuts: a row goes on to the right when its bin number is above the cut; the same shape.
        leaves: what is added to the expectation, shape ``(trees, 2**depth)``.
        spread: standard deviation of a row's error around its expectation, in units of the mean expected error.
        error: reference of the expected errors.

    Raises:
        BaselineError: the arrays do not fit together.
    """

    names: tuple[str, ...]
    start: float
    inputs: Codes
    cuts: NDArray[np.int64]
    leaves: Floats
    spread: float
    error: NumericFeature

    def __post_init__(self) -> None:
        try:
            inputs, cuts = np.array(self.inputs, dtype=np.intp), np.array(self.cuts, dtype=np.int64)
            leaves = np.array(self.leaves, dtype=np.float64)
        except (TypeError, ValueError) as problem:
            raise BaselineError(f"loss: {problem}") from problem
        trees, width = leaves.shape if leaves.ndim == 2 else (0, 0)
        if inputs.shape != (trees, width - 1) or cuts.shape != inputs.shape or width & (width - 1) or not trees:
            raise BaselineError("loss: questions and leaves are not those of trees of one depth")
        if not np.isfinite(leaves).all() or ((inputs < 0) | (inputs >= len(self.names))).any():
            raise BaselineError("loss: a leaf is no number, or a question is about no feature")
        for name, array in (("names", tuple(self.names)), ("inputs", inputs), ("cuts", cuts), ("leaves", leaves)):
            object.__setattr__(self, name, array)

    def expect(self, codes: Codes) -> Floats:
        """Expected size of the error of each row.

        Args:
            codes: from `encode`, one column a name, shape ``(n, len(names))``.

        Returns:
            Not negative, shape ``(n,)``.
        """
        expected = np.full(len(codes), self.start)
        for inputs, cuts, leaves in zip(self.inputs, self.cuts, self.leaves, strict=True):
            expected += leaves[_leaf(codes, inputs, cuts)]
        return np.asarray(np.maximum(expected, 0.0))


def encode(feature: Feature, column: Any) -> Codes:
    """Numbers of the bins or labels of raw values, shape ``(n,)``; what is missing comes after the last of them."""
    if isinstance(feature, CategoricalFeature):
        values = categorical_column(column).values
        number = {label: place for place, label in enumerate(feature.labels)}
        found = {value: len(number) if value is None else number[feature.place(value)] for value in set(values)}
        return np.array([found[value] for value in values], dtype=np.intp)
    return encode_numbers(feature, numeric_column(column).values)


def encode_numbers(feature: NumericFeature, values: Floats) -> Codes:
    """Bin numbers of ``values``, shape ``(n,)``; what is not finite comes after the last bin."""
    codes = np.full(values.shape, feature.bounds.size + 1, dtype=np.intp)
    finite = np.isfinite(values)
    codes[finite] = feature.bins.index(values[finite])
    return codes


def fit_loss(columns: dict[str, Codes], errors: Floats, rows: SlottedRows) -> LossModel:
    """Fit the trees to the sizes of ``errors``.

    Args:
        columns: bin numbers by name, each of shape ``(n,)``.
        errors: predicted less true numbers, shape ``(n,)``; NaN where one of the two is missing.
        rows: the season slots of the ``n`` rows.
    """
    codes = np.stack(list(columns.values()), axis=1)
    known = np.flatnonzero(np.isfinite(errors))
    chosen = known[:: max(1, -(-known.size // MOST_ROWS))]
    sizes, inputs = np.abs(errors), codes[chosen]
    target = sizes[chosen]
    start = float(target.mean())
    expected = np.full(target.size, start)
    trees = []
    for _ in range(_TREES):
        questions, cuts, leaf = _grow(inputs, target - expected)
        sums = np.bincount(leaf, target - expected, 1 << _DEPTH)
        leaves = _RATE * sums / (np.bincount(leaf, minlength=1 << _DEPTH) + _SHRINKAGE)
        expected += leaves[leaf]
        trees.append((questions, cuts, leaves))
    questions, cuts, leaves = (np.array(part) for part in zip(*trees, strict=True))
    nothing = NumericFeature("loss", np.zeros(1), np.zeros((1, 2), np.int64), np.zeros(1, np.int64), 0.0, 0.0)
    draft = LossModel(tuple(columns), start, questions, cuts, leaves, 0.0, nothing)
    every = draft.expect(codes)
    spread = float(np.sqrt(np.square(sizes[known] - every[known]).mean()) / max(every[known].mean(), 1e-300))
    column = NumericColumn(every, np.zeros(every.size, dtype=np.bool_))
    return replace(draft, spread=spread, error=numeric_feature("loss", column, rows, None))


def _leaf(codes: Codes, inputs: Codes, cuts: NDArray[np.int64]) -> Codes:
    rows = np.arange(len(codes))
    node = np.zeros(len(codes), dtype=np.intp)  # numbered level by level, from the root
    while node.size and node[0] < inputs.size:
        node = 2 * node + 1 + (codes[rows, inputs[node]] > cuts[node])
    return node - inputs.size


def _grow(codes: Codes, left_over: Floats) -> tuple[Codes, NDArray[np.int64], Codes]:
    """One tree: the questions and cuts of its nodes, level by level, and the leaf of each row."""
    node = np.zeros(len(codes), dtype=np.intp)
    questions, cuts = [], []
    for level in range(_DEPTH):
        nodes = 1 << level
        best = np.zeros(nodes)
        feature, cut = np.zeros(nodes, dtype=np.intp), np.full(nodes, np.iinfo(np.int32).max, dtype=np.int64)
        for at in range(codes.shape[1]):
            gain, place = _best_cut(codes[:, at], node, left_over, nodes)
            better = gain > best
            best[better], feature[better], cut[better] = gain[better], at, place[better]
        questions.append(feature)
        cuts.append(cut)
        node = 2 * node + (codes[np.arange(len(codes)), feature[node]] > cut[node])
    return np.concatenate(questions), np.concatenate(cuts), node


def _best_cut(codes: Codes, node: Codes, left_over: Floats, nodes: int) -> tuple[Floats, Codes]:
    """The best cut of one feature in each node, and by how much it lowers the squared error."""
    width = int(codes.max()) + 1
    cells = node * width + codes
    sums = np.bincount(cells, left_over, nodes * width).reshape(nodes, width).cumsum(axis=1)
    rows = np.bincount(cells, minlength=nodes * width).reshape(nodes, width).cumsum(axis=1)
    whole, size = sums[:, -1:], rows[:, -1:]
    gains = sums**2 / (rows + _SHRINKAGE) + (whole - sums) ** 2 / (size - rows + _SHRINKAGE)
    gains -= whole**2 / (size + _SHRINKAGE)
    gains[(rows < _FEWEST) | (size - rows < _FEWEST)] = 0.0
    place = gains.argmax(axis=1)
    return gains[np.arange(nodes), place], place


def plain(loss: LossModel, error: dict[str, Any]) -> dict[str, Any]:
    """Plain JSON values; ``error`` is the reference of the expected errors as such."""
    return {
        "names": list(loss.names),
        "start": loss.start,
        "inputs": loss.inputs.tolist(),
        "cuts": loss.cuts.tolist(),
        "leaves": loss.leaves.tolist(),
        "spread": loss.spread,
        "error": error,
    }
