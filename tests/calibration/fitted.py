"""A month of a model whose baseline is fitted to rows, as users do, and then replayed: all streams, all code paths.

Slower than multinomials, but it knows what a baseline makes of the rows that it is fitted to: which values get a cell,
which categories are known, and what the schema says of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.calibration.month import DAY, WINDOWS
from tidegauge import Baseline
from tidegauge_processor.backtest import Source, run
from tidegauge_processor.verdicts.types import Policy

Draw = Callable[[np.random.Generator, int], NDArray[Any]]

FLAGS: Final = (0.0002, 0.0005, 0.001, 0.003, 0.01)
"""Shares of rows that are not zero."""
_WEEKS: Final = 28 * DAY
_START: Final = pd.Timestamp("2026-01-05", tz="UTC")


@dataclass(frozen=True)
class FittedNull:
    """Months of a model in which nothing changes.

    Attributes:
        name: what kind of data.
        columns: how the values of each feature are drawn.
        rows: mean number of rows of an hour; four weeks of them are the reference.
        growth: rows of an hour of production for each of those.
        months: how many are simulated.
    """

    name: str
    columns: Mapping[str, Draw]
    rows: int
    growth: int = 1
    months: int = 8

    def incidents(self, seed: int) -> int:
        """False incidents of one month."""
        rng = np.random.default_rng(seed)
        reference = self._frame(rng, self.rows, _WEEKS, _START)
        baseline = Baseline.fit(reference, model="m", version="1", task="binary", timestamp="at")
        production = self._frame(rng, self.rows * self.growth, WINDOWS, _START + pd.Timedelta(hours=_WEEKS))
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rows.parquet"
            production.to_parquet(path)
            return len(run(Source(path), baseline, Policy(), "at").incidents)

    def _frame(self, rng: np.random.Generator, rows: int, hours: int, start: pd.Timestamp) -> pd.DataFrame:
        hour = np.repeat(np.arange(hours), rng.poisson(rows, hours))
        values = {name: draw(rng, hour.size) for name, draw in self.columns.items()}
        return pd.DataFrame(values | {"at": start + pd.to_timedelta(hour, unit="h")})


def rare_values() -> dict[str, Draw]:
    """Flags that are rarely set and amounts that are rarely paid, twenty of them."""
    found: dict[str, Draw] = {}
    for share in FLAGS:
        found |= {f"flag {share} {copy}": _flag(share) for copy in range(3)}
        found[f"amount {share}"] = _amount(share)
    return found


def categories(draw: Draw, features: int) -> dict[str, Draw]:
    """So many features of one law."""
    return {f"category {place}": draw for place in range(features)}


def zeta(rng: np.random.Generator, rows: int) -> NDArray[Any]:
    """Categories without end, with shares like rank ** -1.7."""
    return _texts(rng.zipf(1.7, rows))


def zipf(rng: np.random.Generator, rows: int) -> NDArray[Any]:
    """3,000 categories with shares like rank ** -1.1."""
    shares = 1 / np.arange(1, 3_001) ** 1.1
    return _texts(rng.choice(shares.size, rows, p=shares / shares.sum()))


def _texts(numbers: NDArray[np.int64]) -> NDArray[Any]:
    return numbers.astype(str).astype(object)


def _flag(share: float) -> Draw:
    return lambda rng, rows: (rng.random(rows) < share).astype(np.int64)


def _amount(share: float) -> Draw:
    return lambda rng, rows: np.where(rng.random(rows) < share, np.round(rng.lognormal(3, 1, rows), 2), 0.0)
