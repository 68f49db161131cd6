"""However the rows are cut and ordered, the counts of a window are the same; and each row is read as it should be."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processor import models
from tests.processor.backtest.test_live import FEATURES, baseline, rows
from tests.sdk.builders import small_baseline
from tests.workloads import MONDAY, bin_counts
from tidegauge import Baseline, DataError
from tidegauge.baseline import NumericFeature
from tidegauge_processor.backtest import OutputColumns, Source, counting, run
from tidegauge_processor.backtest.counting import Tally
from tidegauge_processor.backtest.outputs import classes_of, named_classes
from tidegauge_processor.backtest.reading import Chunk
from tidegauge_processor.backtest.timeline import Timeline, times_of
from tidegauge_processor.comparison import Cells, counts
from tidegauge_processor.verdicts.types import Policy, Stream

KNOWN = baseline()
ROWS = pa.RecordBatch.from_pandas(rows(1, 200)[[*FEATURES, "score"]], preserve_index=False)
OUTPUTS = OutputColumns(score="score")


def counted(parts: list[Any], windows: np.ndarray) -> dict[int, dict[Stream, Cells]]:
    tally = Tally(KNOWN, OUTPUTS)
    for part in parts:
        tally.add(Chunk(ROWS.take(pa.array(part)), text=False), windows[part])
    return {number: counts(seen, KNOWN) for number, seen in tally.take(None)}


@given(st.permutations(range(200)), st.lists(st.integers(1, 199), max_size=5), st.integers(1, 40))
def test_counts_do_not_depend_on_order_or_parts(order: list[int], cuts: list[int], windows: int) -> None:
    of_row = np.arange(200) % windows
    parts = [part for part in np.split(np.array(order), sorted(cuts)) if part.size]
    whole, cut = counted([np.arange(200)], of_row), counted(parts, of_row)
    assert whole.keys() == cut.keys()
    for number, streams in whole.items():
        assert all(np.array_equal(cells, cut[number][stream]) for stream, cells in streams.items())


def test_more_windows_than_are_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    of_row = np.arange(200) % 50
    expected = counted([np.arange(200)], of_row)
    monkeypatch.setattr(counting, "_MOST_WINDOWS", 7)
    found = counted([np.arange(200)], of_row)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(cells, found[n][stream]) for n in found for stream, cells in expected[n].items())


def test_attributions_have_no_rows_in_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=400), "y": rng.normal(size=400)})
    known = Baseline.fit(table, model="m", version="1", task="regression", attributions=table * 2)
    table.assign(at=[MONDAY + place for place in range(400)]).to_parquet(tmp_path / "rows.parquet")
    (window,) = run(Source(tmp_path / "rows.parquet"), known, Policy(scales=(1,)), "at").windows
    found = {(stream.target, stream.name): stream for stream in window.streams}
    assert found["attribution", "x"].rows == 0
    assert found["attribution", "x"].reason == "no rows in the window"
    assert found["feature", "x"].rows == found["joint", "joint"].rows == 400


def test_bins_are_those_of_plain_python() -> None:
    income = KNOWN.feature("income")
    assert isinstance(income, NumericFeature)
    (found,) = counted([np.arange(200)], np.zeros(200, int)).values()
    assert found[Stream("feature", "income")].tolist() == bin_counts(
        ROWS.to_pandas()["income"].replace(np.inf, np.nan), income.bounds.tolist()
    )


def test_ordered_rows_are_let_go_as_soon_as_their_window_is_complete() -> None:
    timeline = Timeline(np.array([0, 1, 10, 12, 25, 11]), 10)
    tally = Tally(KNOWN, OUTPUTS)
    taken = []
    for first in range(0, 6, 2):
        tally.add(Chunk(ROWS.slice(first, 2), text=False), timeline.windows[first : first + 2])
        taken.append([(number, seen.rows) for number, seen in tally.take(timeline.first_after(first + 2))])
    assert taken == [[(0, 2)], [], [(1, 3), (2, 1)]]


NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
NOON_NS = 1_704_110_400 * 10**9


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("a.parquet", pa.array([NOON], pa.timestamp("us", "Europe/Paris")), NOON_NS),
        ("a.parquet", pa.array([date(2024, 1, 1)]), NOON_NS - 12 * 3600 * 10**9),
        ("a.parquet", pa.array(["2024-01-01T13:00:00+01:00"]).dictionary_encode(), NOON_NS),
        ("a.parquet", pa.array([NOON_NS]), NOON_NS),
        ("a.parquet", pa.array([1_704_110_400.0]), NOON_NS),
        ("a.csv", pa.array([NOON_NS]), NOON_NS),
        ("a.csv", pa.array([1_704_110_400]), NOON_NS),
        ("a.csv", pa.array([1_704_110_400.5]), NOON_NS + 500_000_000),
        ("a.csv", pa.array(["2024-01-01 12:00"]), NOON_NS),
    ],
)
def test_times_are_read_as_they_come(tmp_path: Path, name: str, values: pa.Array, expected: int) -> None:
    frame = pa.table({"t": values})
    if name.endswith(".csv"):
        pa.csv.write_csv(frame, tmp_path / name)
    else:
        pa.parquet.write_table(frame, tmp_path / name)
    assert times_of(Source(tmp_path / name), "t").tolist() == [expected]


def test_a_class_that_is_rare_in_the_reference_counts_with_the_rare_ones() -> None:
    names = [f"c{number:03}" for number in range(80)]
    often = np.repeat(names, [20] * 60 + [1] * 20)
    known = Baseline.fit(
        pd.DataFrame({"x": np.arange(often.size), "said": often}),
        model="m",
        version="1",
        task="multiclass",
        prediction="said",
    )
    assert known.classes[-1] == "_other"
    chunk = Chunk(pa.RecordBatch.from_pydict({"said": ["c000", "c079", "new", None]}), text=False)
    cells = classes_of(named_classes(chunk, OutputColumns("said"), known), known)
    assert cells is not None
    assert cells.tolist() == [0, 63, 63, 63]


def test_a_value_exactly_at_a_limit_is_valid_and_a_score_at_the_threshold_positive() -> None:
    below, above = np.nextafter(0.0, -1), np.nextafter(120.0, 121)
    known = small_baseline()  # ages from 0 to 120; from 0.5 on a score means yes
    table = {"age": [0.0, 120.0, below, above], "colour": ["red"] * 4, "score": [0.5, np.nextafter(0.5, 0), 0.9, 0.1]}
    tally = Tally(known, OUTPUTS)
    tally.add(Chunk(pa.RecordBatch.from_pydict(table), text=False), np.zeros(4, int))
    ((_, seen),) = tally.take(None)
    found = counts(seen, known)
    assert found[Stream("quality", "age", "out_of_range")].tolist() == [2, 2]
    assert found[Stream("feature", "age")].tolist() == [2, 0, 0, 2]
    assert found[Stream("prediction", "")].tolist() == [2, 2, 0]
    assert found[Stream("score", "")].tolist() == [1, 2, 0, 1]


def test_a_file_that_grows_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = models.rows(50, seed=1).assign(at=1_700_000_000)
    frame.to_csv(tmp_path / "rows.csv", index=False)

    def grown(source: Source, name: str) -> Any:
        times = times_of(source, name)
        with source.path.open("a") as file:
            file.write("0.5,car,0.5,1,1700000000\n")
        return times

    monkeypatch.setattr("tidegauge_processor.backtest.replay.times_of", grown)
    with pytest.raises(DataError, match="grew while it was read"):
        run(Source(tmp_path / "rows.csv"), models.baseline(), Policy(), "at")
