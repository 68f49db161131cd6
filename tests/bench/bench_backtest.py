"""What a backtest costs: a million rows of 50 features, one month of hours, by step.

Run as ``python tests/bench/bench_backtest.py [ROWS [HOURS]]``. Times are CPU times of the process and all its threads,
and the clock on the wall beside them. "read" is from the file to columns, "count" from columns to the counts of
windows, "judge" from there to verdicts and incidents, "record" to the records of the JSON.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tidegauge import Baseline
from tidegauge_processor.backtest import OutputColumns, Source, run
from tidegauge_processor.backtest.counting import Tally
from tidegauge_processor.backtest.recorder import Recorder
from tidegauge_processor.verdicts.types import Policy

ROWS = 1_000_000
HOURS = 720
START = 1_767_571_200
NUMBERS = [f"number_{place}" for place in range(45)]
CATEGORIES = [f"category_{place}" for place in range(5)]
LETTERS = np.array(list("abcdefghijklmnopqrst"))


def table(rows: int, seed: int, hours: int = HOURS) -> pa.Table:
    """Numbers of several shapes, some missing; categories; a score; the time in order."""
    rng = np.random.default_rng(seed)
    times = (START * 10**6 + np.sort(rng.random(rows)) * hours * 3.6e9).astype(np.int64)
    columns: dict[str, Any] = {"at": pa.array(times, pa.timestamp("us", tz="UTC"))}
    for place, name in enumerate(NUMBERS):
        values = rng.gamma(2.0, size=rows) if place % 3 == 0 else rng.normal(size=rows)
        columns[name] = pa.array(values, mask=rng.random(rows) < (0.01 if place % 5 == 0 else 0.0))
    for name in CATEGORIES:
        columns[name] = LETTERS[rng.integers(0, LETTERS.size, rows)]
    columns["score"] = rng.beta(2, 5, rows)
    return pa.table(columns)


class Spent:
    """CPU and wall seconds by step."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()
        self.wall: Counter[str] = Counter()

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu[step] += time.process_time() - cpu  # type: ignore[assignment]
            self.wall[step] += time.perf_counter() - wall  # type: ignore[assignment]

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **more: Any) -> Any:
            with self.on(step):
                return function(*arguments, **more)

        return measured


def measure(path: Path, baseline: Baseline) -> Spent:
    """Run a backtest with its steps timed from outside."""
    module: Any = sys.modules["tidegauge_processor.backtest.replay"]
    kept = Tally.add, Recorder.add, module.judge_windows
    spent = Spent()
    Tally.add = spent.timed("count", kept[0])  # type: ignore[method-assign]
    Recorder.add = spent.timed("record", kept[1])  # type: ignore[method-assign]
    module.judge_windows = spent.timed("judge", kept[2])
    try:
        with spent.on("in all"):
            run(Source(path), baseline, Policy(), "at", OutputColumns(score="score"))
    finally:
        Tally.add, Recorder.add, module.judge_windows = kept  # type: ignore[method-assign]
    for seconds in (spent.cpu, spent.wall):
        seconds["read"] = seconds["in all"] - sum(seconds[step] for step in ("count", "judge", "record"))
    return spent


def main() -> None:
    rows, hours = (int(text) for text in (*sys.argv[1:3], *map(str, (ROWS, HOURS)[len(sys.argv) - 1 :])))
    baseline = Baseline.fit(table(50_000, 1), model="m", version="1", task="binary", score="score", exclude=["at"])
    with tempfile.TemporaryDirectory() as folder:
        data = table(rows, 2, hours)
        parquet, csv = Path(folder, "rows.parquet"), Path(folder, "rows.csv")
        pyarrow.parquet.write_table(data, parquet)
        pyarrow.csv.write_csv(data, csv)
        del data
        print(f"{rows:,} rows, {len(baseline.features)} features, {hours} windows; seconds of CPU (wall), share of CPU")
        for path in (parquet, csv):
            spent = measure(path, baseline)
            steps = (
                f"{step} {spent.cpu[step]:.1f} ({spent.wall[step]:.1f}), {spent.cpu[step] / spent.cpu['in all']:.0%}"
                for step in ("read", "count", "judge", "record", "in all")
            )
            print(f"{path.suffix[1:]:<8}", "; ".join(steps), flush=True)


if __name__ == "__main__":
    main()
