"""`Baseline`: the reference of one version of a model, made once and shipped with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tidegauge.baseline import file
from tidegauge.baseline.calibration import Calibration
from tidegauge.baseline.features import MOST_CATEGORIES, Feature, NumericFeature, ScoreReference, counted
from tidegauge.baseline.fit import fit
from tidegauge.baseline.joint import JointReference
from tidegauge.baseline.loss import PREDICTION, LossModel
from tidegauge.baseline.mistakes import Mistakes
from tidegauge.baseline.outputs import Columns
from tidegauge.baseline.seasons import Slots, slots_of_window
from tidegauge.baseline.tasks import Task, check_task
from tidegauge.errors import BaselineError
from tidegauge.statistics.wobble import UNKNOWN, Wobble

Scalar = str | int | float | bool


@dataclass(frozen=True, eq=False)
class Baseline:
    """What the rows of one version of a model looked like when it was known to work.

    Two baselines are equal when their ids are, and ids are digests of the content.

    Args:
        model: name of the model.
        version: version of the model.
        task: what the model predicts.
        slots: season slots of all counts: 1 (no season), 24 hours of the day or 168 hours of the week.
        features: references of the features, in the order of the training frame.
        classes: predicted classes; for a binary task negative, then positive; empty when the task has none.
        class_counts: reference rows by slot and predicted class, shape ``(slots, len(classes))``.
        threshold: for a binary task, a score from here on means the positive class.
        score: reference of the scores, when there were any.
        value: reference of the predicted numbers, when the task has any.
        rows: reference rows.
        start: time of the first reference row, nanoseconds since the epoch.
        end: time of the last reference row, nanoseconds since the epoch.
        performance: metrics of the model on the reference rows, when they had labels.
        metadata: whatever the user wants to keep with it: who, when, which training run.
        calibration: what scores are worth, when there were scores and labels: one of the positive class; or one of each
            of several classes, if their scores are known, and one of the predicted class.
        mistakes: how often the model was wrong, when there were predictions and labels.
        loss: what error to expect of a row, when numbers were predicted and there were labels.
        class_wobble: how far blocks of the reference differ in the predicted classes beyond independent rows.
        joint: how the features hang together; None when fewer than two features vary or rows are few.
        attributions: reference of what features added to predictions, where the user's explainer was asked.

    Raises:
        BaselineError: the parts do not fit together.
    """

    model: str
    version: str
    task: Task
    slots: Slots
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    class_counts: NDArray[np.int64] | None
    threshold: float
    score: ScoreReference | None
    value: NumericFeature | None
    rows: int
    start: int | None
    end: int | None
    performance: Mapping[str, float]
    metadata: Mapping[str, Scalar]
    calibration: tuple[Calibration, ...] = ()
    mistakes: Mistakes | None = None
    loss: LossModel | None = None
    class_wobble: Wobble = UNKNOWN
    joint: JointReference | None = None
    attributions: tuple[NumericFeature, ...] = ()

    def __post_init__(self) -> None:
        check_task(self.task)
        for what, text in (("model", self.model), ("version", self.version)):
            if not isinstance(text, str) or not text:
                raise BaselineError(f"{what} must be a text of at least one character, not {text!r}")
        for what, number in (("rows", self.rows), ("start", self.start), ("end", self.end)):
            if type(number) is not int and (number is not None or what == "rows"):
                raise BaselineError(f"{what} must be a whole number, not {number!r}")
        if not isinstance(self.threshold, int | float) or not math.isfinite(self.threshold):
            raise BaselineError(f"threshold must be a finite number, not {self.threshold!r}")
        if self.slots not in get_args(Slots):
            raise BaselineError(f"slots must be 1, 24 or 168, not {self.slots!r}")
        if self.class_counts is not None:
            shape = (self.slots, len(self.classes))
            object.__setattr__(self, "class_counts", counted(self.class_counts, shape, "classes"))
        error = None if self.joint is None else self.joint.error
        others = (part for part in (self.score, self.value, error) if part is not None)
        parts = (*self.features, *self.attributions, *others)
        if any(part.counts.shape[0] != self.slots for part in parts):
            raise BaselineError(f"counts of some feature are not kept in {self.slots} season slots")
        names = [feature.name for feature in self.features]
        if len(set(names)) < len(names):
            raise BaselineError("a feature stands twice")
        if self.loss is not None and not {*names, PREDICTION}.issuperset(self.loss.names):
            raise BaselineError("loss: names a feature that the baseline does not have")
        if self.joint is not None and not set(names).issuperset(self.joint.names):
            raise BaselineError("joint: names a feature that the baseline does not have")
        explained = [feature.name for feature in self.attributions]
        if len(set(explained)) < len(explained) or not set(explained).issubset(names):
            raise BaselineError("attributions are of other features than the baseline's, or of one twice")
        _check_numbers("performance", self.performance, (float,))
        _check_numbers("metadata", self.metadata, (str, int, float, bool))

    @classmethod
    def fit(
        cls,
        df: Any,
        *,
        model: str,
        version: str,
        task: Task,
        prediction: str | None = None,
        score: str | Mapping[str, str] | None = None,
        label: str | None = None,
        timestamp: str | None = None,
        features: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        categorical: Iterable[str] = (),
        categories_from: Any = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        threshold: float = 0.5,
        metadata: Mapping[str, Scalar] | None = None,
        attributions: Any = None,
    ) -> Baseline:
        """Summarise the reference rows of ``df``.

        A column of true and false becomes a boolean feature, one of text or of a data-frame library's own categories a
        categorical feature, one of numbers a numeric feature.

        Args:
            df: a pandas or polars data frame, or a pyarrow table, one row a prediction.
            model: name of the model.
            version: version of the model.
            task: ``"binary"``, ``"multiclass"``, ``"regression"``, ``"ranking"`` or ``"anomaly"``.
            prediction: column of the predicted class; for ``regression`` and ``ranking`` of the predicted number.
            score: column of the probability of the positive class (``binary``: the greater of the two, as scikit-learn
                orders them), of the predicted one (``multiclass``), or of any score (``ranking``; ``anomaly``: the
                greater the stranger, so scikit-learn's ``score_samples`` with the other sign). For ``multiclass`` also
                a column for each class, by its name: then ROC AUC, recall and F1 can be estimated without labels, and
                not only accuracy and precision, of up to 63 classes.
            label: column of what really happened; gives the reference performance.
            timestamp: column of the time of each row; gives the season. Datetimes and ISO texts (UTC unless they say
                otherwise), or numbers since the epoch: seconds below 1e11, nanoseconds from 1e16.
            features: columns to watch; all others than the above when left out.
            exclude: columns not to watch.
            categorical: numeric columns whose numbers are codes of categories.
            categories_from: the training frame, from which categories are chosen; from ``df`` itself when left out,
                which favours by chance those it has most of. Its rows whose category occurs only once then count as
                unseen: as many as will be new in other rows (Good-Turing).
            ranges: smallest and largest valid value of numeric features; one span of the data beyond either end of it
                when left out.
            threshold: for a binary task, a score from here on means the positive class.
            metadata: whatever is worth keeping with the baseline: who, when, which training run.
            attributions: a data frame of what each feature added to the prediction of each row of ``df``, as the
                explainer says that `monitor` is given by ``explain=``; NaN in rows that were not explained.

        Raises:
            BaselineError: an argument names no column, or the columns cannot be used; the message says which and why.
        """
        return fit(
            cls,
            df,
            model=model,
            version=version,
            task=task,
            columns=Columns.named(task, prediction, score, label, timestamp),
            features=features,
            exclude=exclude,
            categorical=categorical,
            categories_from=categories_from,
            ranges=ranges or {},
            threshold=threshold,
            metadata=metadata or {},
            attributions=attributions,
        )

    @cached_property
    def id(self) -> str:
        """Digest of the content: 32 hexadecimal digits."""
        return file.digest(file.to_plain(self))

    @property
    def positive(self) -> str | None:
        """The positive class of a binary task; None for other tasks."""
        return self.classes[1] if self.task == "binary" and len(self.classes) == 2 else None

    @cached_property
    def class_calibrations(self) -> Mapping[str, Calibration]:
        """What the score of each of several classes is worth, by class; empty where that is not known of each."""
        each = {found.klass: found for found in self.calibration if found.klass}
        return each if self.task == "multiclass" and len(each) <= MOST_CATEGORIES else {}

    def feature(self, name: str) -> Feature:
        """Reference of the feature ``name``.

        Raises:
            KeyError: the baseline has no such feature.
        """
        return self._by_name[name]

    def slots_of(self, start_ns: int, end_ns: int) -> NDArray[np.bool_]:
        """Season slots that the window from ``start_ns`` up to but without ``end_ns`` touches, shape ``(slots,)``."""
        return slots_of_window(start_ns, end_ns, self.slots)

    def to_bytes(self) -> bytes:
        """Write the baseline as canonical JSON: equal baselines give equal bytes."""
        return file.canonical(file.to_plain(self) | {"id": self.id})

    @classmethod
    def from_bytes(cls, data: bytes) -> Baseline:
        """Read what `to_bytes` or `save` wrote.

        Raises:
            BaselineError: ``data`` is not a baseline, of another format version, or was changed.
        """
        stated, plain = file.parse(data)
        try:
            baseline = cls(**file.fields(plain))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise BaselineError(f"not a baseline: {type(problem).__name__} {problem}") from problem
        if baseline.id != stated:  # a field that this version does not know, or a number of the wrong type
            raise BaselineError("not a baseline that this version wrote: its fields have other names or types")
        return baseline

    def save(self, path: str | PathLike[str]) -> None:
        """Write the baseline to ``path``, one line a feature.

        Raises:
            BaselineError: the file cannot be written.
        """
        try:
            Path(path).write_bytes(file.readable(file.to_plain(self) | {"id": self.id}))
        except OSError as problem:
            raise BaselineError(f"cannot write baseline {str(path)!r}: {problem.strerror}") from problem

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Baseline:
        """Read the baseline at ``path``.

        Raises:
            BaselineError: the file cannot be read or is not a baseline; the message names it.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as problem:
            raise BaselineError(f"cannot read baseline {str(path)!r}: {problem.strerror}") from problem
        try:
            return cls.from_bytes(data)
        except BaselineError as problem:
            raise BaselineError(f"cannot use baseline {str(path)!r}: {problem}") from problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Baseline({self.model!r}, version={self.version!r}, id={self.id!r}, rows={self.rows})"

    @cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}


def _check_numbers(what: str, values: Mapping[str, Any], kinds: tuple[type, ...]) -> None:
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, kinds):
            raise BaselineError(
                f"{what}[{name!r}] must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise BaselineError(f"{what}[{name!r}] is {value}, which JSON cannot hold")
