"""The command, from its arguments to its exit code, its screen and its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.processor import models
from tidegauge import Baseline
from tidegauge_processor.cli import main

HOURS, SHIFT = 12, 8
FIRST = pd.Timestamp("2024-01-01", tz="UTC")
OPTIONS = ("--timestamp", "at", "--score", "score")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    models.baseline().save("baseline.json")


def history() -> pd.DataFrame:
    """Twelve hours of the credit model, the sixth of them silent; from the ninth on incomes are higher."""
    parts = [
        models.rows(300, seed=20 + hour, shift=0.8 if hour >= SHIFT else 0.0).assign(
            at=FIRST + pd.Timedelta(hours=hour)
        )
        for hour in range(HOURS)
        if hour != 5
    ]
    return pd.concat(parts, ignore_index=True)


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def backtest(data: str, *more: object, options: Sequence[str] = OPTIONS) -> int:
    return ended("backtest", data, "--baseline", "baseline.json", *options, *more)


def refuse_constants(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_it_shows_what_moved_and_writes_every_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    history().to_parquet("rows.parquet")
    assert backtest("rows.parquet", "--json", "out.json") == 0
    out, err = capsys.readouterr()
    assert err == ""  # no progress bar where there is no terminal
    assert "3,300 rows in 11 windows of 1h, 2024-01-01 00:00 to 2024-01-01 12:00 UTC" in out
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    moved = next(row for row in cells if row[0] == "income")
    assert moved[1:6] == ["2024-01-01 08:00", "4", "0", "7", "0"]
    opened = next(row for row in cells if row[0] == "2024-01-01 09:00")
    assert opened[1:4] == ["open", "material", "2024-01-01 08:00"]
    assert opened[4].startswith("income 0.")
    assert "Never out of the ordinary: purpose, prediction, score." in out
    assert "tidegauge baseline show baseline.json" in out

    text = Path("out.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=refuse_constants)
    assert found["format"] == "tidegauge.backtest/1"
    assert (found["model"], found["version"], found["window"], found["rows"]) == ("credit-risk", "7", "1h", 3_300)
    assert found["baseline"] == Baseline.load("baseline.json").id
    assert [window["start"] for window in found["windows"]][:2] == ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"]
    assert [datetime.fromisoformat(window["end"]).hour for window in found["windows"]] == [1, 2, 3, 4, 5, *range(7, 13)]
    assert {window["rows"] for window in found["windows"]} == {300}
    quiet, loud = (
        {(stream["target"], stream["name"]): stream for stream in found["windows"][place]["streams"]}
        for place in (0, -1)
    )
    assert list(quiet) == [
        ("feature", "income"),
        ("feature", "purpose"),
        ("joint", "joint"),
        ("prediction", "prediction"),
        ("score", "score"),
    ]
    income = quiet["feature", "income"]
    assert (income["state"], income["window"], income["rows"], income["reason"]) == ("ok", "1h", 300, "")
    assert 0 < income["threshold"] < 1e-3 < income["p_value"] <= 1
    assert income["effect"] == income["effects"]["ks_distance"]
    assert income["states"] == {"1h": "ok"} | dict.fromkeys(
        ("3h", "6h", "12h", "24h", "48h", "72h"), "insufficient_data"
    )
    assert quiet["feature", "purpose"]["effect"] == quiet["feature", "purpose"]["effects"]["l_infinity"]
    assert loud["feature", "income"]["state"] == "material"
    assert loud["feature", "income"]["effect_lower"] > 0.02
    (incident,) = found["incidents"]
    assert incident["opened"] == "2024-01-01T09:00:00Z"
    assert (incident["closed"], incident["level"]) == (None, "material")
    assert incident["change_point"] == "2024-01-01T08:00:00Z"
    first = incident["streams"][0]
    assert (first["name"], first["target"], first["state"]) == ("income", "feature", "material")
    assert 0.02 < first["effect_lower"] < first["effect"] <= (first["effect_upper"] or 1.0)


def test_csv_in_any_order_says_the_same_as_parquet(capsys: pytest.CaptureFixture[str]) -> None:
    history().to_parquet("rows.parquet")
    history().sample(frac=1, random_state=3).to_csv("rows.csv", index=False)
    for name in ("rows.parquet", "rows.csv"):
        assert backtest(name, "--json", f"{name}.json", "--window", "2h") == 0
    assert Path("rows.csv.json").read_bytes() == Path("rows.parquet.json").read_bytes()


def test_the_configuration_decides(capsys: pytest.CaptureFixture[str]) -> None:
    history().to_parquet("rows.parquet")
    Path("processor.yaml").write_text(
        "windows: {duration: 3h}\nmodels: {credit-risk: {drift: {scales: [1, 2], effect_floor: 0.9}}}\n",
        encoding="utf-8",
    )
    assert backtest("rows.parquet", "--config", "processor.yaml", "--json", "out.json") == 0
    found = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert (found["window"], found["effect_floor"], len(found["windows"])) == ("3h", 0.9, 4)
    assert list(found["windows"][0]["streams"][0]["states"]) == ["3h", "6h"]
    assert [incident["level"] for incident in found["incidents"]] == ["changed"]


def test_what_cannot_be_said_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    history().iloc[::25].to_parquet("rows.parquet")
    assert backtest("rows.parquet", options=OPTIONS[:2]) == 0
    out = capsys.readouterr().out
    assert "Nothing could be judged: below it says why." in out
    assert "No incident would have been opened." in out
    assert "insufficient_data: 55 of 55 verdicts. It is no reassurance: nothing can be said." in out
    assert "33  # rows in the window: # are needed" in out
    assert "22  no rows in the window" in out


def test_without_a_terminal_there_is_no_bar_and_the_process_ends_well() -> None:
    history().to_parquet("rows.parquet")
    command = [
        sys.executable,
        "-m",
        "tidegauge_processor.cli",
        "backtest",
        "rows.parquet",
        "--baseline",
        "baseline.json",
    ]
    done = subprocess.run([*command, *OPTIONS], capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Incidents" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["absent.parquet"], 1, "cannot read 'absent.parquet': "),
        (["text.parquet"], 1, "cannot read 'text.parquet' as Parquet: "),
        (["ragged.csv"], 1, "cannot read 'ragged.csv' as CSV: "),
        (["nothing.csv"], 1, "cannot read 'nothing.csv' as CSV: Empty CSV file"),
        (["head.csv"], 1, "'head.csv' has no rows"),
        (["rows.xlsx"], 2, "cannot read 'rows.xlsx': its name should end in .parquet or .csv"),
        (["rows.csv", "--timestamp", "att"], 1, "'rows.csv' has no column 'att'; did you mean 'at'?"),
        (["rows.csv", "--score", "scores"], 1, "'rows.csv' has no column 'scores'; did you mean 'score'?"),
        (
            ["lacking.csv"],
            1,
            "'lacking.csv' lacks 2 columns of the baseline: 'income', did you mean 'incme'?, 'purpose'; ",
        ),
        (["twice.csv"], 1, "'twice.csv' has two columns named 'income': rename one"),
        (["time.csv"], 1, "'time.csv', row 2: column 'at' holds 'yesterday', which is no time; write ISO 8601, or "),
        (["no_time.csv"], 1, "'no_time.csv', row 2: column 'at' has no time; write ISO 8601, or "),
        (["millis.csv"], 1, "'millis.csv', row 1: column 'at': numbers up to 1.7e+12 are neither seconds nor nanosec"),
        (["rows.csv", "--score", "purpose"], 1, "column 'purpose' should hold numbers, but holds 'car': name another"),
        (["rows.csv", "--baseline", "absent.json"], 1, "cannot read baseline 'absent.json': No such file or directory"),
        (["rows.csv", "--baseline", "rows.csv"], 1, "cannot use baseline 'rows.csv': not JSON: "),
        (["rows.csv", "--config", "absent.yaml"], 1, "cannot read absent.yaml: no such file or directory"),
        (["rows.csv", "--window", "1d"], 2, "--window: durations have no unit for days: write 24h"),
        (
            ["rows.csv", "--window", "soon"],
            2,
            "--window: 'soon' is not a duration: write it like 15s, 5m, 1h30m or 500ms",
        ),
        (["rows.csv", "--window", "1s"], 2, "--window: must be at least 10s"),
        (["rows.csv", "--json", "no/out.json"], 1, "cannot write 'no/out.json': there is no folder 'no'"),
        (["rows.csv", "--json", "."], 1, "cannot write '.': "),
        ([], 2, "Missing argument 'DATA'."),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.parquet").write_text("hello")
    Path("nothing.csv").write_text("")
    Path("head.csv").write_text("at,income,purpose,score\n")
    Path("rows.csv").write_text("at,income,purpose,score\n1700000000,1,car,0.5\n")
    Path("ragged.csv").write_text("at,income,purpose,score\n1700000000,1,car,0.5\n1700000000,1\n")
    Path("lacking.csv").write_text("at,incme,score\n1700000000,1,0.5\n")
    Path("twice.csv").write_text("at,income,income,purpose,score\n1700000000,1,2,car,0.5\n")
    Path("time.csv").write_text("at,income,purpose,score\n2024-01-01,1,car,0.5\nyesterday,1,car,0.5\n")
    Path("no_time.csv").write_text("at,income,purpose,score\n2024-01-01,1,car,0.5\n,1,car,0.5\n")
    Path("millis.csv").write_text("at,income,purpose,score\n1700000000000,1,car,0.5\n")
    given = {"--baseline": "baseline.json", "--timestamp": "at", "--score": "score"}
    more = [text for option, value in given.items() if option not in arguments for text in (option, value)]
    assert ended("backtest", *arguments, *more) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tidegauge: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--prediction", "score"], "the baseline has no predictions to compare with: leave --prediction out, or "),
        (["--score", "score"], "the baseline has no scores to compare with: leave --score out, or build it with one"),
    ],
)
def test_outputs_that_the_baseline_does_not_know(
    option: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = models.rows(200, seed=1)
    Baseline.fit(frame, model="m", version="1", task="anomaly", features=["income"]).save("plain.json")
    frame.assign(at=FIRST).to_parquet("rows.parquet")
    assert ended("backtest", "rows.parquet", "--baseline", "plain.json", "--timestamp", "at", *option) == 1
    assert capsys.readouterr().err.startswith(f"tidegauge: {said}")


def test_a_class_without_a_score_reference(capsys: pytest.CaptureFixture[str]) -> None:
    frame = models.rows(400, seed=1)
    frame["predicted"] = np.where(frame["score"] > 0.5, "yes", "no")
    Baseline.fit(frame, model="m", version="1", task="binary", features=["income"], prediction="predicted").save(
        "b.json"
    )
    frame.assign(at=FIRST).to_csv("rows.csv", index=False)
    options = ("--baseline", "b.json", "--timestamp", "at", "--prediction", "predicted", "--json", "out.json")
    assert ended("backtest", "rows.csv", *options) == 0
    (window,) = json.loads(Path("out.json").read_text(encoding="utf-8"))["windows"]
    (stream,) = [stream for stream in window["streams"] if stream["target"] == "prediction"]
    assert (stream["rows"], stream["effects"]["l_infinity"]) == (400, 0.0)
