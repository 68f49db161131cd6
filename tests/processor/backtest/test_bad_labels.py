"""Labels, their times and segments that cannot be used: one line that says why, or a count."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.processor.backtest.labelled import FIRST, backtest, binary, fit, numbers, regression, whole
from tidegauge import Baseline
from tidegauge_processor.cli import main

GIVEN = ("--baseline", "baseline.json", "--timestamp", "at", "--score", "score")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reference = binary(3_000, seed=1).drop(columns=["at", "landed", "region"]).dropna()
    fit(reference, task="binary", score="score", label="late")


def rows() -> pd.DataFrame:
    found = binary(2_500, seed=2).assign(number=range(2_500), word="soon")
    found["fraction"] = found["number"] + 0.5
    return found


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--label", "lat"], 1, "'rows.parquet' has no column 'lat'; did you mean 'late'?"),
        (
            ["--label", "late", "--label-time", "lande"],
            1,
            "'rows.parquet' has no column 'lande'; did you mean 'landed'?",
        ),
        (["--label", "late", "--segment", "regio"], 1, "'rows.parquet' has no column 'regio'; did you mean 'region'?"),
        (["--label-time", "landed"], 2, "--label-time goes with labels: name their column with --label"),
        (
            ["--label", "late", "--label-time", "word"],
            1,
            "'rows.parquet', row 1: column 'word' holds 'soon', which is no time; write ISO 8601, or ",
        ),
        (
            ["--label", "late", "--segment", "number"],
            1,
            "column 'number' has more than 1,000 different values, which are no groups of rows: name another column",
        ),
        (
            ["--label", "fraction"],
            1,
            "column 'fraction' holds no label of a binary model: its classes are '0', '1'; name another column",
        ),
        (["--label", "word"], 1, "column 'word' holds no label of a binary model: its classes are '0', '1'; name "),
    ],
)
def test_a_mistake_is_one_line(options: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows().to_parquet("rows.parquet")
    with pytest.raises(SystemExit) as end:
        main(["backtest", "rows.parquet", *GIVEN, *options])
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (code, "")
    assert err.startswith(f"tidegauge: {said}")
    assert err.count("\n") == 1


def test_groups_of_which_nothing_can_be_said_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    frame = rows()
    frame.to_parquet("rows.parquet")
    reference = frame.drop(columns="late").dropna().head(500)[["income", "number"]]
    Baseline.fit(reference, model="m", version="2", task="regression", prediction="number").save("regression.json")
    for baseline, said in (
        (GIVEN[1], "how often groups are selected is not known without predictions: name --prediction or --score"),
        ("regression.json", "groups of a regression model are measured on labels: name their column with --label"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["backtest", "rows.parquet", "--baseline", baseline, "--timestamp", "at", "--segment", "region"])
        assert end.value.code == 1
        assert capsys.readouterr().err == f"tidegauge: {said}\n"


def test_the_row_of_a_bad_label_time_is_the_one_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    frame = rows().assign(landed=lambda each: each["landed"].astype(str), late=1)
    frame.loc[:99, "late"] = None
    frame.loc[50, "landed"] = "nobody knows"  # nor does it matter: there is no label
    frame.loc[1_234, "landed"] = "nobody knows"
    frame.to_csv("rows.csv", index=False)
    with pytest.raises(SystemExit):
        main(["backtest", "rows.csv", *GIVEN, "--label", "late", "--label-time", "landed"])
    assert "row 1,235: column 'landed' holds 'nobody knows'" in capsys.readouterr().err


def test_texts_are_no_labels_of_a_regression(capsys: pytest.CaptureFixture[str]) -> None:
    frame = regression(500, seed=1)
    fit(frame.drop(columns="at"), task="regression", prediction="said", label="was")
    frame.to_parquet("rows.parquet")
    options = ("--baseline", "baseline.json", "--timestamp", "at", "--prediction", "said", "--label", "kind")
    with pytest.raises(SystemExit) as end:
        main(["backtest", "rows.parquet", *options])
    assert end.value.code == 1
    said = "column 'kind' holds no label of a regression model: its labels are numbers; name another column"
    assert capsys.readouterr().err == f"tidegauge: {said}\n"


def test_labels_of_another_task_among_the_good_ones_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    frame = rows()
    late = frame["late"].astype(object).where(frame["late"].notna(), None)
    late[frame.index % 100 == 0] = "maybe"
    frame.assign(late=late).to_csv("rows.csv", index=False)
    found = backtest("rows.csv", "--score", "score", "--label", "late")
    assert found["labels"]["unreadable"] == 25
    assert found["labels"]["used"] + found["labels"]["unlabelled"] == 2_475
    assert "25 labels were left out: they are no label of this task." in capsys.readouterr().out


def test_a_file_without_a_single_label_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    rows().assign(late=pd.Series([None] * 2_500, dtype="Int64")).to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--score", "score", "--label", "late")
    assert {each["type"] for each in found["evaluations"]} == {"estimated"}
    assert (found["labels"]["used"], found["labels"]["unlabelled"]) == (0, 2_500)
    assert "0 labels of 2,500 rows were used; 2,500 rows have none." in capsys.readouterr().out


def _as(kind: str, late: Any) -> Any:
    known = late.notna()
    plain = late.fillna(0).astype(int)
    return {
        "whole": late,
        "double": plain.astype(float).where(known),
        "truth": plain.astype(bool).astype("boolean").where(known),
        "category": pd.Series(plain.astype(str).where(known), dtype="category"),
        "decimal": pd.Series([Decimal(value) if there else None for value, there in zip(plain, known, strict=True)]),
        "text": plain.map({0: "false", 1: "true"}).where(known),
    }[kind]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("kind", ["whole", "double", "truth", "category", "decimal", "text"])
def test_a_label_is_one_in_whatever_type_it_is_stored(kind: str, suffix: str) -> None:
    frame = rows()
    stored = frame.assign(late=_as(kind, frame["late"]), region=frame["region"].astype("category"))
    stored.to_parquet("rows.parquet") if suffix == ".parquet" else stored.to_csv("rows.csv", index=False)
    options = ("--score", "score", "--label", "late", "--label-time", "landed", "--segment", "region")
    found = backtest(f"rows{suffix}", *options, config="labels: {wait: 48h}\n")
    missing = int(frame["late"].isna().sum())
    assert (found["labels"]["used"], found["labels"]["unlabelled"]) == (2_500 - missing, missing)
    day = frame[(frame["at"] < FIRST + pd.Timedelta(days=1)) & frame["late"].notna()]
    said = numbers(found, f"{FIRST:%Y-%m-%dT%H:%M:%SZ}", whole)["mean_label"]
    assert said["value"] == pytest.approx(day["late"].mean())
    assert said["labels"] == len(day)


def test_a_third_class_spoils_the_day_on_which_it_was_predicted_and_no_other() -> None:
    frame = rows().drop(columns="landed").dropna()
    frame["said"] = (frame["score"] > 0.5).astype(int)
    fit(frame[["income", "score", "said", "late"]], task="binary", prediction="said", score="score", label="late")
    frame.loc[frame.index[10], "said"] = 7
    frame.to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--prediction", "said", "--score", "score", "--label", "late")
    first, second, _ = (f"{FIRST + pd.Timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}" for day in range(3))
    assert numbers(found, first, whole) == {}
    assert "accuracy" in numbers(found, second, whole)
    spoilt = int((frame["at"] < FIRST + pd.Timedelta(days=1)).sum())
    assert (found["labels"]["unreadable"], found["labels"]["used"]) == (spoilt, len(frame) - spoilt)
