"""Categories of which there is no end: not an alarm that new ones come, and an alarm when one comes too often."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegauge import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.backtest import Source, run
from tidegauge_processor.verdicts.types import Policy, Stream

DAYS, HOURS, ROWS = 14, 36, 60
START = pd.Timestamp("2026-01-05", tz="UTC")
UNSEEN = Stream("quality", "device", "unseen_category")


def frame(rng: np.random.Generator, hours: int, start: pd.Timestamp) -> pd.DataFrame:
    """Shares like rank ** -1.7: a hundredth of the rows bring a device that nobody has met in a fortnight."""
    hour = np.repeat(np.arange(hours), ROWS)
    devices = [f"device-{number}" for number in rng.zipf(1.7, hour.size)]
    return pd.DataFrame({"device": devices, "at": start + pd.to_timedelta(hour, unit="h")})


def fit(rows: pd.DataFrame, **options: Any) -> Baseline:
    return Baseline.fit(rows, model="m", version="1", task="binary", timestamp="at", **options)


def alarms(tmp_path, rows: pd.DataFrame, baseline: Baseline) -> list[tuple[int, str]]:
    rows.to_parquet(tmp_path / "rows.parquet")
    windows = run(Source(tmp_path / "rows.parquet"), baseline, Policy(), "at").windows
    return [
        (hour, stream.target)
        for hour, window in enumerate(windows)
        for stream in window.streams
        if stream.state.alarming
    ]


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return frame(np.random.default_rng(1), DAYS * 24, START)


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    return frame(np.random.default_rng(2), HOURS, START + pd.Timedelta(days=DAYS))


def test_new_categories_are_no_alarm_where_the_reference_had_not_met_all(tmp_path, reference, later):
    baseline = fit(reference)
    known = set(reference["device"])
    assert not baseline.feature("device").open
    assert (~later["device"].isin(known)).mean() > 0.01
    assert alarms(tmp_path, later, baseline) == []


def test_nor_where_the_training_rows_had_not(tmp_path, reference, later):
    training = frame(np.random.default_rng(3), 24, START)
    baseline = fit(reference, categories_from=training)
    unseen = ~reference["device"].isin(set(training["device"]))
    assert unseen.mean() > 0.03
    counts = comparison.references(baseline)[UNSEEN].counts
    assert counts.sum(axis=0).tolist() == [(~unseen).sum(), unseen.sum()]
    by_hour = unseen.groupby(reference["at"].dt.hour).sum()
    assert counts[:, 1].tolist() == by_hour.tolist()
    assert alarms(tmp_path, later, baseline) == []


def test_a_category_that_is_truly_new_is_found_where_some_always_are(tmp_path, reference, later):
    """One row of five, from hour 24 on."""
    rows = later.copy()
    new = (np.arange(len(rows)) >= 24 * ROWS) & (np.random.default_rng(4).random(len(rows)) < 0.2)
    rows.loc[new, "device"] = "simulator"
    found = alarms(tmp_path, rows, fit(reference))
    assert found[0][0] in (24, 25)
    assert "quality" in {target for _, target in found}


def test_missing_values_do_not_hide_how_many_are_unseen():
    """Half of the rows have no category, and a quarter of the others a new one: in the window as in the reference."""
    rows = pd.DataFrame({"device": [None, None, "a", "a", None, "b", None, "new"] * 8, "at": START})
    baseline = fit(rows, categories_from=pd.DataFrame({"device": ["a", "b"]}))
    assert comparison.references(baseline)[UNSEEN].counts.sum(axis=0).tolist() == [24, 8]


def test_with_an_exhausted_vocabulary_none_is_unseen():
    rows = pd.DataFrame({"device": ["a", "b"] * 30, "at": START})
    reference = comparison.references(fit(rows))[UNSEEN]
    assert reference.counts.sum(axis=0).tolist() == [60, 0]
    assert not reference.wobble.measured
