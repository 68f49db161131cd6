"""One model in this process: identity, baseline, and what is known of its streams between two flushes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegauge import semconv
from tidegauge._block import Block
from tidegauge._check import RowCheck
from tidegauge._output import Reader
from tidegauge._vocabulary import Vocabulary
from tidegauge.baseline import Baseline, NumericFeature, ScoreReference
from tidegauge.score_codes import class_set_of
from tidegauge.summaries import ExactSum
from tidegauge.summaries.bins import Bins

_MOST_CLASSES: Final = 100
_MOST_SEGMENTS: Final = 1_000
_MOST_ERRORS: Final = 100
_MOST_UNEXPECTED: Final = 100
_MOST_FEATURES: Final = 1_000
_MOST_CATEGORIES: Final = 63


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a decorator or a context manager says about its model.

    Args:
        name: name of the model.
        version: its version.
        baseline: its baseline, when there is one.
        task: its task, when it is known.
        threshold: score from which on a row is of the positive class, when it is known.
        model_id: its identifier in a registry, when it has one.
        framework: package that computes predictions and its version, when they are known.
    """

    name: str
    version: str
    baseline: Baseline | None = None
    task: str | None = None
    threshold: float | None = None
    model_id: str | None = None
    framework: tuple[str, str] | None = None


class Model:
    """One model in one pipeline; shared by all decorators that name it.

    Args:
        spec: what the first of them said.

    Attributes:
        published: id of the baseline that was published last, and when it is due again by the monotonic clock.
        since: start of the first interval, ns since the epoch; None before there is one.
        made: rows predicted since then.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.name = spec.name
        self.version = spec.version
        self.span_name = f"predict {spec.name}"
        self._configure(spec)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what belongs to one writer: called at the start and after a fork."""
        self.rests: dict[tuple[str, str], ExactSum] = {}
        self.classes_seen = Vocabulary(_MOST_CLASSES)
        self.segments_seen = Vocabulary(_MOST_SEGMENTS)
        self.errors_seen = Vocabulary(_MOST_ERRORS)
        self.unexpected_seen = Vocabulary(_MOST_UNEXPECTED)
        self.features_seen = Vocabulary(_MOST_FEATURES)
        self.categories_seen: dict[str, Vocabulary] = {}
        self.numeric_seen: dict[str, bool] = {}
        self.published: tuple[str, float] = ("", 0.0)
        self.since: int | None = None
        self.made = 0

    def adopt(self, spec: ModelSpec) -> None:
        """Take over what another decorator says about the same model; the latest baseline holds."""
        known = self.spec
        if spec is known:
            return
        is_news = spec.baseline is not None and (known.baseline is None or spec.baseline.id != known.baseline.id)
        together = replace(
            known,
            baseline=spec.baseline if is_news else known.baseline,
            task=spec.task or known.task,
            threshold=known.threshold if spec.threshold is None else spec.threshold,
            model_id=spec.model_id or known.model_id,
            framework=spec.framework or known.framework,
        )
        if together == known:
            return
        self._configure(together)
        if is_news:
            self.rests = {}

    def categories_of(self, feature: str) -> Vocabulary:
        """Categories that a feature without a baseline may name."""
        return self.categories_seen.setdefault(feature, Vocabulary(_MOST_CATEGORIES))

    def _configure(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.baseline = baseline = spec.baseline
        self.task = spec.task or (None if baseline is None else baseline.task)
        classes = () if baseline is None else baseline.classes
        threshold = spec.threshold
        if threshold is None and baseline is not None and self.task == "binary":
            threshold = baseline.threshold
        if not classes and self.task == "binary":
            classes = ("0", "1")
        task = self.task or ("binary" if threshold is not None else None)
        known = {} if baseline is None or task != "multiclass" else baseline.class_calibrations
        self.class_bins = {name: calibration.bins for name, calibration in known.items()}
        self.class_set = class_set_of(tuple(known))
        self.reader = Reader(task, classes, threshold, tuple(known))
        self.check = RowCheck(baseline)
        self.names = None if baseline is None else tuple(feature.name for feature in baseline.features)
        self.features = {} if baseline is None else {feature.name: feature for feature in baseline.features}
        numeric = [feature for feature in self.features.values() if isinstance(feature, NumericFeature)]
        self.numeric = tuple(feature.name for feature in numeric)
        self.joint = None if baseline is None else baseline.joint
        self.block = Block([f.bins.bounds for f in numeric], [f.low for f in numeric], [f.high for f in numeric])
        self.attribution_bins = {} if baseline is None else {a.name: a.bins for a in baseline.attributions}
        self.score_bins = _score_bins(None if baseline is None else baseline.score)
        self.identity: dict[str, str] = {semconv.MODEL_NAME: self.name, semconv.MODEL_VERSION: self.version}
        self.point_identity = dict(self.identity)
        if baseline is not None:
            self.point_identity[semconv.BASELINE_ID] = baseline.id
        self.span_attributes = {**self.identity, semconv.OPERATION_NAME: "predict"}
        if task is not None:
            self.span_attributes[semconv.TASK_TYPE] = task
        if spec.model_id is not None:
            self.span_attributes[semconv.MODEL_ID] = spec.model_id
        if spec.framework is not None:
            self.span_attributes[semconv.FRAMEWORK_NAME], self.span_attributes[semconv.FRAMEWORK_VERSION] = (
                spec.framework
            )


def _score_bins(reference: ScoreReference | None) -> Bins:
    return reference.bins if reference is not None else Bins(np.arange(1, 100) / 100)
