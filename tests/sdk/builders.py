"""Small baselines and exporters for the tests of the SDK."""

from __future__ import annotations

import threading

import numpy as np
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult

from tidegauge import Baseline
from tidegauge.baseline import CategoricalFeature, NumericFeature, ScoreReference
from tidegauge.testing import _points

HOUR = 3600 * 10**9
SECOND = 10**9


def small_baseline(model="credit", version="7"):
    """Numeric ``age`` in 0..120, categorical ``colour`` of red and blue, scores in four bins."""
    return Baseline(
        model=model,
        version=version,
        task="binary",
        slots=1,
        features=(
            NumericFeature("age", np.array([18.0, 40.0, 65.0]), np.array([[1, 2, 3, 1]]), np.array([0]), 0.0, 120.0),
            CategoricalFeature("colour", ("red", "blue"), (), False, np.array([[1, 1, 0, 0]]), np.array([0]), False),
        ),
        classes=("no", "yes"),
        class_counts=np.array([[3, 3]]),
        threshold=0.5,
        score=ScoreReference(np.array([0.25, 0.5, 0.75]), ("no", "yes"), np.ones((1, 2, 4), dtype=np.int64)),
        value=None,
        rows=6,
        start=None,
        end=None,
        performance={},
        metadata={},
    )


class FlakyMetrics(MetricExporter):
    """Fails as often as it is told; keeps every attempt."""

    def __init__(self, failures=0, error=None):
        super().__init__()
        self.failures = failures
        self.error = error
        self.attempts = []
        self.gate = threading.Event()
        self.gate.set()

    def export(self, metrics_data, timeout_millis=0, **kwargs):
        self.gate.wait(10)
        self.attempts.append(list(_points(metrics_data)))
        if self.failures:
            self.failures -= 1
            if self.error is not None:
                raise self.error
            return MetricExportResult.FAILURE
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=0):
        return True

    def shutdown(self, timeout_millis=0, **kwargs):
        pass


def by_name(points, name, **attributes):
    """Points of one metric with these attributes; dots are written as double underscores."""
    wanted = {key.replace("__", "."): value for key, value in attributes.items()}
    return [
        point
        for point in points
        if point["name"] == name and all(point["attributes"].get(key) == value for key, value in wanted.items())
    ]


def predicted(points):
    """Rows that ``points`` count as predicted."""
    return sum(point["value"] for point in by_name(points, "ml.predictions"))
