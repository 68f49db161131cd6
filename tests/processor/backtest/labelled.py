"""Rows with labels of three tasks, their baselines, and the cohorts that they fall into."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegauge import Baseline
from tidegauge_processor.cli import main

FIRST = pd.Timestamp("2024-01-01", tz="UTC")
DAYS = 3


def binary(number: int, seed: int, days: int = DAYS, noise: float = 0.0) -> pd.DataFrame:
    """A score that is calibrated; ``noise`` turns so many labels round. A tenth have no label; two regions."""
    rng = np.random.default_rng(seed)
    score = np.round(1 / (1 + np.exp(-rng.normal(size=number))), 3)
    late = (rng.random(number) < score) ^ (rng.random(number) < noise)
    at = FIRST + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400, number)), unit="s")
    return pd.DataFrame(
        {
            "at": at,
            "income": rng.normal(size=number),
            "distance": rng.gamma(2.0, size=number),
            "region": rng.choice(["north", "south"], number),
            "score": score,
            "late": pd.Series(late.astype(int)).where(rng.random(number) < 0.9).astype("Int64"),
            "landed": at + pd.to_timedelta(rng.integers(60, 40 * 3600, number), unit="s"),
        }
    )


def multiclass(number: int, seed: int) -> pd.DataFrame:
    """Three classes, of which the predicted one is right as often as its score says; the third is rare."""
    rng = np.random.default_rng(seed)
    said = rng.choice(["bus", "car", "walk"], number, p=[0.5, 0.45, 0.05])
    score = rng.uniform(0.4, 1.0, number)
    other = rng.choice(["bus", "car", "walk"], number)
    return pd.DataFrame(
        {
            "at": FIRST + pd.to_timedelta(np.sort(rng.integers(0, DAYS * 86_400, number)), unit="s"),
            "income": rng.normal(size=number),
            "distance": rng.gamma(2.0, size=number),
            "said": said,
            "score": score,
            "was": np.where(rng.random(number) < score, said, other),
        }
    )


def regression(number: int, seed: int) -> pd.DataFrame:
    """A number whose error grows with the distance."""
    rng = np.random.default_rng(seed)
    distance = rng.gamma(2.0, size=number)
    said = 10 + 3 * distance
    return pd.DataFrame(
        {
            "at": FIRST + pd.to_timedelta(np.sort(rng.integers(0, DAYS * 86_400, number)), unit="s"),
            "kind": rng.choice(["a", "b"], number),
            "distance": distance,
            "said": said,
            "was": said + rng.normal(size=number) * (0.5 + distance),
        }
    )


def fit(rows: pd.DataFrame, **options: Any) -> Baseline:
    found = Baseline.fit(rows, model="m", version="1", **options)
    found.save("baseline.json")
    return found


def backtest(data: str, *options: str, config: str = "") -> dict[str, Any]:
    """What the command writes as JSON."""
    Path("processor.yaml").write_text(config or "labels: {window: 24h}\n")
    fixed = ("--baseline", "baseline.json", "--timestamp", "at", "--json", "out.json", "--config", "processor.yaml")
    length = () if "--window" in options else ("--window", "24h")
    with pytest.raises(SystemExit) as end:
        main(["backtest", data, *fixed, *length, *options])
    assert end.value.code == 0
    found: dict[str, Any] = json.loads(Path("out.json").read_text(encoding="utf-8"))
    return found


def by_day(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each day, by its start as the JSON spells it."""
    return {f"{day:%Y-%m-%dT%H:%M:%SZ}": part for day, part in rows.groupby(rows["at"].dt.floor("D"))}


def numbers(
    found: dict[str, Any], start: str, what: Callable[[dict[str, Any]], bool] = lambda each: True
) -> dict[str, dict[str, Any]]:
    """Evaluations of one stretch by name; of all rows and classes unless ``what`` says otherwise."""
    chosen = [each for each in found["evaluations"] if each["start"] == start and each["type"] == "realized"]
    return {each["name"]: each for each in chosen if what(each)}


def whole(each: dict[str, Any]) -> bool:
    return each["segment"] is None and each["class"] is None
