"""Rankings in a backtest: lists by a column, measured as by hand, by scikit-learn and on the live way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from tests.processor.backtest.labelled import FIRST, backtest, by_day, fit, numbers, whole
from tests.processor.backtest.live_labels import COHORTS, DEADLINES, LABELS, POLICY, START, live, same_evaluations, told
from tests.processor.requests import HOUR
from tidegauge import Baseline
from tidegauge_processor.backtest import LabelColumns, OutputColumns, Source, reading, run
from tidegauge_processor.cli import main
from tidegauge_processor.signals import IncidentSignal

GIVEN = ("--score", "score", "--label", "relevance", "--list", "query")


def ranking(lists: int, seed: int, digits: int = 1) -> pd.DataFrame:
    """Lists of 1 to 14 items, a minute apart, so that some lie in two days; a tenth of the items have no label."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(lists), rng.integers(1, 15, lists))
    number = query.size
    item = np.arange(number) - np.searchsorted(query, query)
    begun = np.sort(rng.integers(0, 3 * 86_400 - 900, lists))
    score = rng.random(number).round(digits)
    relevance = np.clip(np.floor(score * 2 + rng.normal(size=number)), 0, 3)
    return pd.DataFrame(
        {
            "at": FIRST + pd.to_timedelta(begun[query] + 60 * item, unit="s"),
            "query": query,
            "income": rng.normal(size=number),
            "region": rng.choice(["north", "south"], number),
            "score": score,
            "relevance": pd.Series(relevance).where(rng.random(number) < 0.9),
        }
    )


def reference(**options: Any) -> Baseline:
    return fit(ranking(400, seed=1)[["income", "score"]], task="ranking", score="score", **options)


def lists_of(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Items with a label, in the lists that have two of them."""
    known = rows[rows["relevance"].notna()]
    return [items for _, items in known.groupby("query") if len(items) > 1]


def ndcg(items: pd.DataFrame) -> float:
    return float(metrics.ndcg_score([items["relevance"]], [items["score"]], k=10))


def reciprocal_rank(items: pd.DataFrame) -> float:
    """The place of the best wanted item, behind all that have its score."""
    best = max((score for score, was in zip(items["score"], items["relevance"], strict=True) if was > 0), default=None)
    return 0.0 if best is None else 1 / sum(score >= best for score in items["score"])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("digits", [1, 17], ids=["many ties", "no ties"])
def test_numbers_are_those_of_scikit_learn(suffix: str, digits: int, capsys: pytest.CaptureFixture[str]) -> None:
    reference()
    rows = ranking(600, seed=2, digits=digits)
    days = by_day(rows)
    assert any(len(of_list["at"].dt.date.unique()) > 1 for of_list in lists_of(rows))
    shuffled = rows.sample(frac=1, random_state=3)
    shuffled.to_parquet("rows.parquet") if suffix == ".parquet" else shuffled.to_csv("rows.csv", index=False)
    found = backtest(f"rows{suffix}", *GIVEN, "--segment", "region")
    for start, day in days.items():
        said, lists = numbers(found, start, whole), lists_of(day)
        assert set(said) == {"ndcg_at_10", "mrr"}
        assert said["ndcg_at_10"]["value"] == pytest.approx(np.mean([ndcg(each) for each in lists]), rel=1e-12)
        assert said["mrr"]["value"] == pytest.approx(np.mean([reciprocal_rank(each) for each in lists]), rel=1e-12)
        assert all(each["lower"] < each["value"] < each["upper"] for each in said.values())
        assert {each["labels"] for each in said.values()} == {sum(map(len, lists))}
        assert {each["completeness"] for each in said.values()} == {day["relevance"].notna().mean()}
        north = numbers(found, start, lambda each: each["segment"] == "region=north")
        own = [ndcg(each) for each in lists_of(day[day["region"] == "north"])]
        assert north["ndcg_at_10"]["value"] == pytest.approx(np.mean(own), rel=1e-12)
    missing = int(rows["relevance"].isna().sum())
    assert (found["labels"]["used"], found["labels"]["unlabelled"]) == (len(rows) - missing, missing)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ 2024-01-02"))
    second = numbers(found, "2024-01-02T00:00:00Z", whole)
    shown = [cell.strip() for cell in line.split("│")[1:-1]]
    assert shown[1] == f"{second['mrr']['labels']:,}"
    assert shown[3:] == [f"{second[name]['value']:.3f}" for name in ("ndcg_at_10", "mrr")]


def test_numbers_are_those_of_a_small_sum() -> None:
    """Three lists: the wanted item is first; third, behind two; and there is none. A fourth has but one item."""
    reference()
    scores = {"a": [0.9, 0.5, 0.1], "b": [0.8, 0.6, 0.4, 0.2], "c": [0.7, 0.3], "d": [0.5]}
    relevance = {"a": [1, 0, 0], "b": [0, 0, 2, 1], "c": [0, 0], "d": [1]}
    rows = [
        {"at": FIRST, "query": name, "income": 0.0, "score": score, "relevance": was}
        for name in scores
        for score, was in zip(scores[name], relevance[name], strict=True)
    ]
    pd.DataFrame(rows).to_parquet("rows.parquet")
    said = numbers(backtest("rows.parquet", *GIVEN), f"{FIRST:%Y-%m-%dT%H:%M:%SZ}", whole)
    ideal = 2 / np.log2(2) + 1 / np.log2(3)
    b = (2 / np.log2(4) + 1 / np.log2(5)) / ideal
    assert said["mrr"]["value"] == pytest.approx((1 + 1 / 3 + 0) / 3, rel=1e-12)
    assert said["ndcg_at_10"]["value"] == pytest.approx((1 + b + 0) / 3, rel=1e-12)
    assert said["mrr"]["labels"] == 9


def test_lists_may_lie_in_several_chunks_and_have_names_of_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    reference()
    rows = ranking(120, seed=4)
    rows.to_parquet("rows.parquet")
    expected = backtest("rows.parquet", *GIVEN)["evaluations"]
    monkeypatch.setattr(reading, "_ROWS", 7)
    for names in (rows["query"], rows["query"].astype(float), "query " + rows["query"].astype(str)):
        rows.assign(query=names.astype("category")).to_parquet("rows.parquet")
        found = backtest("rows.parquet", *GIVEN)["evaluations"]
        for own, other in zip(found, expected, strict=True):
            assert own == {**other, **{name: pytest.approx(other[name]) for name in ("value", "lower", "upper")}}


def test_what_has_no_list_no_score_or_a_relevance_below_zero_is_counted() -> None:
    reference()
    rows = ranking(200, seed=5).astype({"query": "Float64"})
    rows["relevance"] = rows["relevance"].fillna(0.0)
    rows.loc[0, "query"], rows.loc[1, "score"], rows.loc[2, "relevance"] = None, None, -1.0
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", *GIVEN)
    assert (found["labels"]["unreadable"], found["labels"]["used"]) == (3, len(rows) - 3)
    day = by_day(rows.drop(index=[0, 1, 2]))["2024-01-01T00:00:00Z"]
    said = numbers(found, "2024-01-01T00:00:00Z", whole)["mrr"]
    assert said["value"] == pytest.approx(np.mean([reciprocal_rank(each) for each in lists_of(day)]))


def test_a_ranking_may_predict_numbers() -> None:
    rows = ranking(100, seed=6)
    fit(rows[["income", "score"]], task="ranking", prediction="score")
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--prediction", "score", *GIVEN[2:])
    for start, day in by_day(rows).items():
        expected = np.mean([ndcg(each) for each in lists_of(day)])
        assert numbers(found, start, whole)["ndcg_at_10"]["value"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["--score", "score", "--label", "relevance"],
            1,
            "a ranking is evaluated by its lists: name the column that says which rows are one by --list, or leave "
            "--label out",
        ),
        (["--score", "score", "--list", "query"], 2, "--list goes with labels: name their column with --label"),
        (
            ["--score", "score", "--label", "relevance", "--list", "quer"],
            1,
            "'rows.parquet' has no column 'quer'; did you mean 'query'?",
        ),
        (
            ["--label", "relevance", "--list", "query"],
            1,
            "a ranking is evaluated by its scores: name their column by --score",
        ),
        (
            ["--score", "score", "--label", "region", "--list", "query"],
            1,
            "column 'region' holds no label of a ranking model: its labels are numbers from zero upward, of rows with "
            "a list and a score; name another column",
        ),
    ],
)
def test_a_mistake_is_one_line(options: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    reference()
    ranking(50, seed=7).to_parquet("rows.parquet")
    with pytest.raises(SystemExit) as end:
        main(["backtest", "rows.parquet", "--baseline", "baseline.json", "--timestamp", "at", *options])
    assert (end.value.code, *capsys.readouterr()) == (code, "", f"tidegauge: {said}\n")


def test_another_task_has_no_lists(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ranking(50, seed=8).dropna().assign(wanted=lambda each: (each["relevance"] > 0).astype(int))
    fit(rows[["income", "score", "wanted"]], task="binary", score="score", label="wanted")
    rows.to_parquet("rows.parquet")
    options = ("--timestamp", "at", "--score", "score", "--label", "wanted", "--list", "query")
    with pytest.raises(SystemExit) as end:
        main(["backtest", "rows.parquet", "--baseline", "baseline.json", *options])
    said = "tidegauge: a binary model has no lists, a ranking has: leave --list out\n"
    assert (end.value.code, *capsys.readouterr()) == (1, "", said)


@pytest.mark.parametrize("keys", [False, True], ids=["a call a list", "lists by keys of the application's own"])
def test_the_live_way_says_the_same(keys: bool, tmp_path: Path) -> None:
    """Without keys a call is a list. With them a list may be asked for twice, an hour apart and in two cohorts."""
    rng = np.random.default_rng(9)
    query = np.repeat(np.arange(COHORTS * 3 * 20), rng.integers(2, 12, COHORTS * 3 * 20))
    number = query.size
    at = START + query // 20 * HOUR
    if keys:
        at = np.minimum(at + (rng.random(number) < 0.3) * HOUR, START + (COHORTS * 3 - 1) * HOUR)
    landed = at + (rng.uniform(0, 9, number) * HOUR).astype(np.int64)
    score = rng.random(number).round(2)
    relevance = np.clip(np.floor(score * 2 + rng.normal(size=number)), 0, 3)
    relevance[rng.random(number) < 0.1] = np.nan
    for row, deadline in told(at):
        landed[row], relevance[row] = deadline, 0.0
    frame = pd.DataFrame({"at": at, "landed": landed, "query": query, "income": rng.normal(size=number)})
    frame = frame.assign(score=score, relevance=relevance, region=rng.choice(["north", "south"], number))
    frame.loc[frame["landed"] > DEADLINES[-1], "relevance"] = np.nan
    known = Baseline.fit(frame[["income", "score"]], model="m", version="1", task="ranking", score="score")

    frame.sample(frac=1, random_state=2).to_parquet(tmp_path / "rows.parquet")
    columns = LabelColumns("relevance", "landed", ("region",), "query")
    found = run(Source(tmp_path / "rows.parquet"), known, POLICY, "at", OutputColumns(score="score"), columns, LABELS)
    if keys:
        frame["key"] = [f"query-{name}-{item}" for item, name in enumerate(query)]
        frame = frame.sort_values("at", kind="stable").drop(columns="query")
        said = live(frame, known, "score", "relevance", segments=["region"], prediction_id="key")
    else:
        said = live(frame, known, "score", "relevance", calls="query", segments=["region"])
    expected = same_evaluations(found.evaluations, said)
    assert {(each.name, each.segment) for each in expected} == {
        (name, segment) for name in ("ndcg_at_10", "mrr") for segment in (None, "region=north", "region=south")
    }
    assert len(expected) == 6 * COHORTS
    assert any(each.completeness is not None and each.completeness < 0.8 for each in expected)
    assert [each for each in said if isinstance(each, IncidentSignal) and each.cause != "drift"] == []
    assert [each.id for each in found.incidents if each.id.endswith(("-labels", "-fairness"))] == []
