"""Every kind of column that production breaks, found in its first window; and as many that stay as they were.

One model, two weeks of reference, then one hour of 300 rows in which each column has met its own accident.
"""

import numpy as np
import pandas as pd
import pytest

from tidegauge import Baseline
from tidegauge_processor.backtest import OutputColumns, Source, run
from tidegauge_processor.verdicts.types import Policy

ROWS = 300
REFERENCE_ROWS = 14 * 24 * 100
LATER = pd.Timestamp("2024-02-01T10:00", tz="UTC")
MANY = np.array([f"c{number}" for number in range(100_000)])
ZIPF = 1 / np.arange(1, MANY.size + 1)


def frame(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Columns as they are when all is well."""
    ints = rng.poisson(3, rows).astype(float)
    return pd.DataFrame(
        {
            "metres": rng.normal(1_000, 100, rows),
            "constant": np.ones(rows),
            "emptied": rng.normal(size=rows),
            "typed": rng.normal(size=rows),
            "sentinel": rng.gamma(2.0, 10.0, rows),
            "heavy": rng.standard_t(2, rows),
            "zeros": np.where(rng.random(rows) < 0.7, 0.0, rng.lognormal(size=rows)),
            "counts": ints,
            "flag": rng.random(rows) < 0.2,
            "country": rng.choice(list("abcde"), rows, p=[0.4, 0.3, 0.2, 0.09, 0.01]),
            "many": rng.choice(MANY, rows, p=ZIPF / ZIPF.sum()),
            "never": np.full(rows, np.nan),
        }
    )


def states(tmp_path, rows: pd.DataFrame) -> dict[str, str]:
    rng = np.random.default_rng(1)
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.sort(rng.random(REFERENCE_ROWS)) * 14, unit="D")
    reference = frame(rng, REFERENCE_ROWS).assign(at=at)
    baseline = Baseline.fit(
        reference, model="m", version="1", task="regression", timestamp="at", categories_from=frame(rng, 60_000)
    )
    rows.assign(at=LATER).to_parquet(tmp_path / "rows.parquet")
    (window,) = run(Source(tmp_path / "rows.parquet"), baseline, Policy(), "at", OutputColumns(None, None)).windows
    assert window.rows == len(rows)
    return {f"{stream.target} {stream.name}": str(stream.state) for stream in window.streams}


def test_nothing_is_said_where_nothing_happened(tmp_path):
    found = states(tmp_path, frame(np.random.default_rng(2), ROWS))
    assert set(found.values()) <= {"ok", "insufficient_data"}
    assert found["feature metres"] == "ok"
    assert found["feature never"] == "insufficient_data"


def test_each_accident_is_found_in_its_first_window(tmp_path):
    rng = np.random.default_rng(3)
    rows = frame(rng, ROWS)
    rows["metres"] /= 1_000  # a change of unit
    rows["constant"] = 2.0
    rows["emptied"] = np.nan
    rows["typed"] = rows["typed"].astype(str) + " EUR"
    rows.loc[rng.random(ROWS) < 0.3, "sentinel"] = 999.0
    rows["heavy"] *= 3
    rows["zeros"] = rng.lognormal(size=ROWS)
    rows["counts"] += 2
    rows["flag"] = ~rows["flag"]
    rows["country"] = np.where(rng.random(ROWS) < 0.5, "z", rows["country"])
    rows["many"] = "c0"
    found = states(tmp_path, rows)
    expected = (
        *("feature metres", "feature constant", "quality emptied missing", "quality typed type_mismatch"),
        *("feature sentinel", "feature heavy", "feature zeros", "feature counts", "feature flag", "feature country"),
        *("quality country unseen_category", "feature many"),
    )
    assert {name: found[name] for name in expected} == dict.fromkeys(expected, "material")


def test_twenty_rows_are_enough_for_what_is_large_and_fewer_say_that_they_are_few(tmp_path):
    rng = np.random.default_rng(4)
    rows = frame(rng, 20)
    rows["metres"] += 500
    assert states(tmp_path, rows)["feature metres"] == "material"
    assert states(tmp_path, frame(rng, 12))["feature metres"] == "insufficient_data"


@pytest.mark.parametrize(("shift", "state"), [(2.0, "changed"), (20.0, "material")])
def test_among_a_million_rows_a_tiny_shift_is_significant_and_never_material(tmp_path, shift, state):
    """A fiftieth and a fifth of a standard deviation."""
    rows = pd.DataFrame({"metres": np.random.default_rng(5).normal(1_000 + shift, 100, 1_000_000)})
    reference = pd.DataFrame({"metres": np.random.default_rng(6).normal(1_000, 100, 2_000_000)})
    baseline = Baseline.fit(reference, model="m", version="1", task="regression")
    rows.assign(at=LATER).to_parquet(tmp_path / "rows.parquet")
    (window,) = run(Source(tmp_path / "rows.parquet"), baseline, Policy(), "at", OutputColumns(None, None)).windows
    (stream,) = [stream for stream in window.streams if stream.target == "feature"]
    assert str(stream.state) == state
