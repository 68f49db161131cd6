"""`make calibrate`: false incidents when nothing changes, and delays when something does, as tables for the README."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from tests.calibration import delays
from tests.calibration.nulls import NULLS, rate, simulate
from tests.calibration.table import DELAY_TABLE, NULL_TABLE, write

SEED = 2_026
README = Path(__file__).resolve().parents[2] / "README.md"


def null_rows(pool: ProcessPoolExecutor) -> Iterator[str]:
    """A line for each null."""
    yield "| nothing changes | model-months | false incidents | a month | 95 % interval |"
    yield "|---|---|---|---|---|"
    for number, null in enumerate(NULLS):
        seeds = [SEED + 1_000 * number + month for month in range(null.months)]
        found = sum(pool.map(simulate, [number] * null.months, seeds))
        mean, low, high = rate(found, null.months)
        yield f"| {null.name} | {null.months} | {found} | {mean:.2f} | {low:.2f} to {high:.2f} |"


def delay_rows(pool: ProcessPoolExecutor) -> Iterator[str]:
    """A line for each change."""
    places = range(len(delays.CASES))
    yield "| one of 50 features changes | rows a window | windows until found | the oracle | allowed | |"
    yield "|---|---|---|---|---|---|"
    measured = pool.map(delays.measure, places, [SEED + place for place in places])
    for (change, rows), (found, oracle) in zip(delays.CASES, measured, strict=True):
        limit = delays.allowed(float(oracle.mean()))
        verdict = "" if found.mean() <= limit else "missed"
        yield f"| {change.name} | {rows:,} | {_mean(found)} | {_mean(oracle)} | {limit:.1f} | {verdict} |"


def _mean(values: np.ndarray) -> str:
    error = 1.96 * values.std(ddof=1) / np.sqrt(values.size)
    return f"{values.mean():.1f} ± {error:.1f}"


def main() -> None:
    """Print both tables, and put them into the README if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    parser.add_argument("--only", choices=("nulls", "delays"), help="make one of the tables")
    wanted = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for kind, name, rows in (
            ("nulls", NULL_TABLE, null_rows(pool)),
            ("delays", DELAY_TABLE, delay_rows(pool)),
        ):
            if wanted.only not in (None, kind):
                continue
            lines = []
            for line in rows:
                print(line, flush=True)
                lines.append(line)
            print()
            if wanted.write:
                write(README, name, lines)
    print(f"seed {SEED}, {(time.monotonic() - began) / 60:.0f} minutes", file=sys.stderr)


if __name__ == "__main__":
    main()
