"""A small model with a baseline, and OTLP requests about its windows."""

from functools import cache

import numpy as np
import pandas as pd

from tests.processor.requests import HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.baseline import Baseline, CategoricalFeature, NumericFeature
from tidegauge.summaries import NumericSummary


def rows(number: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """``number`` rows of the credit model; ``shift`` moves the income by so many standard deviations."""
    rng = np.random.default_rng(seed)
    income = rng.normal(size=number) + shift
    score = 1 / (1 + np.exp(-rng.normal(size=number)))
    return pd.DataFrame(
        {
            "income": income,
            "purpose": rng.choice(["car", "house", "boat"], p=[0.5, 0.3, 0.2], size=number),
            "score": score,
            "label": (rng.random(number) < score).astype(int),
        }
    )


@cache
def baseline() -> Baseline:
    """Fitted on 5,000 rows."""
    return Baseline.fit(
        rows(5_000, seed=1), model="credit-risk", version="7", task="binary", score="score", label="label"
    )


def flush(df: pd.DataFrame, start: int, writer: Writer | None = None, length: int = 600 * SECOND) -> bytes:
    """What the SDK would send about ``df`` for the interval of ``length`` ns from ``start`` on."""
    reference = baseline()
    writer = writer or Writer(baseline=reference.id)
    interval = start, start + length
    income, purpose = reference.feature("income"), reference.feature("purpose")
    assert isinstance(income, NumericFeature)
    assert isinstance(purpose, CategoricalFeature)
    assert reference.score is not None
    score = df["score"].to_numpy()
    metrics = [
        writer.histogram(
            semconv.METRIC_FEATURE_VALUE,
            NumericSummary.of(df["income"].to_numpy(), income.bins),
            *interval,
            ml__feature__name="income",
        )
    ]
    for name, count in df["purpose"].map(purpose.place).value_counts().items():
        labels = {"ml__feature__name": "purpose", "ml__feature__category": str(name)}
        metrics.append(writer.counter(semconv.METRIC_FEATURE_OCCURRENCES, int(count), *interval, **labels))
    for klass, scores in (("0", score[score < 0.5]), ("1", score[score >= 0.5])):
        summary = NumericSummary.of(scores, reference.score.bins)
        if scores.size:
            labels = {"ml__prediction__class": klass}
            metrics.append(writer.counter(semconv.METRIC_PREDICTIONS, int(scores.size), *interval, **labels))
            metrics.append(writer.histogram(semconv.METRIC_PREDICTION_SCORE, summary, *interval, **labels))
    return writer.metrics(*metrics)


def hour(number: int) -> int:
    """Start of an hour, in ns since the epoch: some day in 2023, so that clocks of the tests may be behind."""
    return 472_000 * HOUR + number * HOUR
