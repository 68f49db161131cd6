"""What an instrumented call costs, in bare OpenTelemetry spans.

Run as ``python tests/bench/bench_call.py``. Everything is measured in one run, interleaved; shown are the medians of
ratios, because absolute times depend on the machine. "caller" is the CPU time of the thread that predicts; "total" adds
the threads of the SDK, up to the encoded bytes of metrics and spans; nothing is sent.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from tidegauge import Baseline, Settings, monitor
from tidegauge._export import Exporters
from tidegauge._pipeline import Pipeline
from tidegauge._process import PROCESS
from tidegauge.baseline import JointReference, NumericFeature
from tidegauge.testing import _Events

CALLS = 400
ROUNDS = 15
ROWS = 100


class Encoding(MetricExporter):
    """Encodes and forgets."""

    def export(self, metrics_data, timeout_millis=0, **kwargs):
        encode_metrics(metrics_data).SerializeToString()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=0):
        return True

    def shutdown(self, timeout_millis=0, **kwargs):
        pass


class Events(_Events):
    """Forgets."""

    def export(self, batch):
        self.received.clear()
        return super().export(batch)


def baseline(features):
    edges = np.linspace(-2, 2, 36)
    one = tuple(
        NumericFeature(f"f{place}", edges, np.ones((1, 37), dtype=np.int64), np.array([0]), -10.0, 10.0)
        for place in range(features)
    )
    return Baseline(f"m{features}", "1", "regression", 1, one, (), None, 0.5, None, one[0], 1, None, None, {}, {})


def with_joint(plain, random):
    """The same with 30 components: of 50 unrelated features that many hold 65 % of the variance."""
    names = tuple(feature.name for feature in plain.features)
    components = np.linalg.qr(random.normal(size=(50, 30)))[0].T
    joint = JointReference(names, np.zeros(50), np.ones(50), components, replace(plain.features[0], name="error"))
    return replace(plain, model="j50", joint=joint)


def with_classes(random, each):
    """A baseline of ten classes, with the scores of each or of the predicted one alone."""
    names = [str(place) for place in range(10)]
    scores = random.dirichlet(np.ones(10), 2_000)
    columns = {f"p{name}": scores[:, place] for place, name in enumerate(names)}
    rows = {"f0": random.normal(size=2_000), "said": scores.argmax(axis=1), "best": scores.max(axis=1)}
    frame = pd.DataFrame(columns | rows | {"was": random.integers(0, 10, 2_000)})
    score = {"score": {name: f"p{name}" for name in names}} if each else {"score": "best", "prediction": "said"}
    given = {"task": "multiclass", "label": "was", "features": ["f0"]} | score
    return Baseline.fit(frame, model=f"c{each:d}", version="1", **given)


def measure(call, argument, pipeline):
    """Microseconds of CPU per call: of the caller, and in total."""
    gc.collect()
    total, own = time.process_time(), time.thread_time()
    for _ in range(CALLS):
        call(argument)
    own = time.thread_time() - own
    pipeline.flush(60)
    return own / CALLS * 1e6, (time.process_time() - total) / CALLS * 1e6


def main():
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SpanProcessor())  # a null exporter: the span is made, ended and forgotten
    pipeline = Pipeline(Settings(export_interval=3600), exporters=Exporters(Encoding(), Events()), provider=provider)
    before = PROCESS.use(pipeline)
    tracer = trace.get_tracer("bare", tracer_provider=provider)

    def bare(row):
        with tracer.start_as_current_span("predict"):
            return 0.5

    def model(row):
        return 0.5

    def batch_model(rows):
        return np.zeros(len(rows))

    def class_model(rows):
        return classes

    random = np.random.default_rng(7)
    classes = random.dirichlet(np.ones(10), ROWS)
    row = dict(zip((f"f{place}" for place in range(50)), random.normal(size=50).tolist(), strict=True))
    together = with_joint(baseline(50), random)
    cases = {
        "bare span": (bare, row, 1),
        "1 feature, one row": (monitor("m1", version="1", baseline=baseline(1))(model), {"f0": 0.1}, 1),
        "50 features, one row": (monitor("m50", version="1", baseline=baseline(50))(model), row, 1),
        "50 features, one row, joint drift": (monitor("j50", version="1", baseline=together)(model), row, 1),
        "50 features, one row, no baseline": (monitor("n50", version="1")(model), row, 1),
        f"50 features, {ROWS} rows, per row": (
            monitor("m50", version="1", baseline=baseline(50))(batch_model),
            random.normal(size=(ROWS, 50)),
            ROWS,
        ),
        "the same, joint drift": (
            monitor("j50", version="1", baseline=together)(batch_model),
            random.normal(size=(ROWS, 50)),
            ROWS,
        ),
        "10 classes, the best score, per row": (
            monitor("c0", version="1", baseline=with_classes(random, each=False))(class_model),
            random.normal(size=(ROWS, 1)),
            ROWS,
        ),
        "10 classes, all scores, per row": (
            monitor("c1", version="1", baseline=with_classes(random, each=True))(class_model),
            random.normal(size=(ROWS, 1)),
            ROWS,
        ),
    }
    times = {name: [] for name in cases}
    for turn in range(ROUNDS + 1):
        for name, (call, argument, rows) in cases.items():
            own, total = measure(call, argument, pipeline)
            if turn:  # the first round warms up
                times[name].append((own / rows, total / rows))
    print(f"{'':36}{'caller':>12}{'total':>12}   in bare spans (median of {ROUNDS} rounds)")
    for name, measured in times.items():
        ratios = [
            statistics.median(mine[side] / span[side] for mine, span in zip(measured, times["bare span"], strict=True))
            for side in (0, 1)
        ]
        micro = statistics.median(own for own, _ in measured)
        print(f"{name:36}{ratios[0]:12.2f}{ratios[1]:12.2f}   caller {micro:.1f} us")
    print("failures:", pipeline.safety.failures or "none", " drops:", pipeline.safety.drops or "none")
    PROCESS.restore(before, False)
    pipeline.shutdown(5)


if __name__ == "__main__":
    main()
