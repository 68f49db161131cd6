"""Scores of every class from the columns of a file: from the two commands to what is estimated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from tests.processor.backtest.labelled import DAYS, FIRST, backtest, by_day, numbers, whole
from tidegauge import Baseline
from tidegauge_processor.cli import main

CLASSES = ("bus", "car", "walk")
COLUMNS = ("--class-score", "bus=p_bus", "--class-score", "car=p_car", "--class-score", "walk=p_walk")
BUILD = ("--model", "m", "--version", "1", "--task", "multiclass", "--feature", "income", "-o", "baseline.json")
MACRO = {"average": "macro", "zero_division": 0}


def rows(number: int, seed: int) -> pd.DataFrame:
    """Scores of three classes, which come true as often as they say."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([1.0, 0.8, 0.5], number)
    places = (scores.cumsum(axis=1) < rng.random((number, 1))).sum(axis=1)
    found = pd.DataFrame(scores, columns=["p_bus", "p_car", "p_walk"])
    times = FIRST + pd.to_timedelta(np.sort(rng.integers(0, DAYS * 86_400, number)), unit="s")
    return found.assign(at=times, income=rng.normal(size=number), was=np.array(CLASSES)[places])


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows(6_000, seed=1).to_parquet("reference.parquet")
    assert ended("baseline", "build", "reference.parquet", *BUILD, *COLUMNS, "--label", "was") == 0


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_is_estimated_of_each_day_is_what_its_labels_show(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    history = rows(9_000, seed=2)
    history.to_parquet("rows.parquet") if kind == "parquet" else history.to_csv("rows.csv", index=False)
    assert list(Baseline.load("baseline.json").class_calibrations) == list(CLASSES)
    found = backtest(f"rows.{kind}", *COLUMNS, "--label", "was")
    lines = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("│ 2024-")]
    shown = {day.strip(): [cell.strip() for cell in cells] for day, *cells in lines}
    days = by_day(history)
    assert len(days) == DAYS
    for start, day in days.items():
        scores = day[["p_bus", "p_car", "p_walk"]].to_numpy()
        said = np.array(CLASSES)[scores.argmax(axis=1)]
        truth = {
            "accuracy": metrics.accuracy_score(day["was"], said),
            "macro_precision": metrics.precision_score(day["was"], said, **MACRO),
            "macro_recall": metrics.recall_score(day["was"], said, **MACRO),
            "macro_f1": metrics.f1_score(day["was"], said, **MACRO),
        }
        measured = numbers(found, start, whole)
        assert {name: measured[name]["value"] for name in truth} == pytest.approx(truth, rel=1e-12)
        assert measured["mean_score"]["value"] == pytest.approx(scores.max(axis=1).mean(), rel=1e-12)
        truth["roc_auc"] = metrics.roc_auc_score(day["was"], scores, multi_class="ovr")
        of_every_class = {
            "roc_auc": truth["roc_auc"],
            "average_precision": metrics.average_precision_score(day[["was"]].to_numpy() == CLASSES, scores),
            "log_loss": metrics.log_loss(day["was"], scores),
            "brier": metrics.brier_score_loss(day["was"], scores),
        }
        assert {name: measured[name]["value"] for name in of_every_class} == pytest.approx(of_every_class, abs=1e-3)
        assert {measured[name]["labels"] for name in of_every_class} == {len(day)}
        promised = {
            (each["name"], each["class"]): each
            for each in found["evaluations"]
            if (each["start"], each["type"]) == (start, "estimated")
        }
        of_class = {(name, klass) for name in ("precision", "recall", "f1") for klass in CLASSES}
        assert set(promised) == {(name, None) for name in truth} | of_class
        beside = f"{measured['roc_auc']['value']:.3f}", f"{promised['roc_auc', None]['value']:.3f}"
        assert (shown[start[:10]][3], shown[start[:10]][7]) == beside
        for name, value in truth.items():
            assert promised[name, None]["value"] == pytest.approx(value, abs=0.06)
            assert promised[name, None]["labels"] == len(day)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--class-score", "bus=p_bus"], 1, "the class 'car' has no column: name it with --class-score car=COL"),
        ([*COLUMNS, "--class-score", "wals=p_bus"], 1, "--class-score names 'wals', of which the baseline has no "),
        ([*COLUMNS, "--class-score", "bus=p_car"], 2, "--class-score names the class 'bus' twice."),
        (["--class-score", "p_bus"], 2, "--class-score 'p_bus' should be CLASS=COL, such as cat=p_cat."),
        ([*COLUMNS, "--score", "p_bus"], 2, "the score of a row follows from --class-score: leave --score out."),
        ([*COLUMNS[:-1], "walk=p_wal"], 1, "'rows.parquet' has no column 'p_wal'; did you mean 'p_walk'?"),
        ([*COLUMNS[:-1], "walk=was"], 1, "column 'was' should hold numbers, but holds "),
    ],
)
def test_a_mistake_is_one_line(options: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows(600, seed=2).to_parquet("rows.parquet")
    given = ("backtest", "rows.parquet", "--baseline", "baseline.json", "--timestamp", "at")
    capsys.readouterr()
    assert ended(*given, *options) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("tidegauge: ")
    assert told.count("\n") == 1


def test_a_baseline_without_such_scores_has_nothing_to_compare_them_with(capsys: pytest.CaptureFixture[str]) -> None:
    history = rows(3_000, seed=2).assign(said="bus")
    history.to_parquet("rows.parquet")
    assert ended("baseline", "build", "rows.parquet", *BUILD, "--prediction", "said", "--label", "was") == 0
    given = ("backtest", "rows.parquet", "--baseline", "baseline.json", "--timestamp", "at")
    assert ended(*given, *COLUMNS) == 1
    assert "the baseline has no scores of each class: leave --class-score out, or build it with" in (
        capsys.readouterr().err
    )
    several = ("--class-score", "0=p_bus", "--label", "was")
    assert ended("baseline", "build", "rows.parquet", *BUILD[:4], "--task", "binary", *several) == 1
    assert "a score for each class is for the multiclass task, not for binary" in capsys.readouterr().err


def test_groups_of_several_classes_are_measured_and_it_says_that_they_are_not_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    history = rows(2_000, seed=3).assign(region=lambda found: np.where(found["income"] > 0, "north", "south"))
    history.to_parquet("rows.parquet")
    found = backtest("rows.parquet", *COLUMNS, "--label", "was", "--segment", "region")
    assert {each["segment"] for each in found["evaluations"]} == {None, "region=north", "region=south"}
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "groups are measured one by one and not compared: fairness is of binary tasks, this one is multiclass" in said
    )
