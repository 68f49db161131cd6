from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tidegauge.baseline import Baseline
from tidegauge_processor.cli_baseline import app


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def build(data: object, *more: object) -> Result:
    return run("build", data, "--model", "credit-risk", "--version", "7", "--task", "binary", *more)


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 5_000
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=n, freq="3min", tz="UTC"),
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.integers(1000, 5000, n)),
            "channel": rng.choice(["web", "phone", "branch [old]"], n, p=[0.5, 0.25, 0.25]),
            "member": rng.random(n) < 0.5,
            "region": rng.integers(1, 5, n),
            "p": rng.random(n),
            "late": rng.integers(0, 2, n),
        }
    )


ROLES = ("--score", "p", "--label", "late", "--timestamp", "at", "--categorical", "region")


def test_build_prints_one_line_and_writes_the_file(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_parquet(tmp_path / "rows.parquet")
    result = build(tmp_path / "rows.parquet", *ROLES, "-o", tmp_path / "b.json")
    baseline = Baseline.load(tmp_path / "b.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{tmp_path}/b.json: baseline {baseline.id}, 4 features, 5,000 rows, 24 season slots\n"
    same = Baseline.fit(
        rows,
        model="credit-risk",
        version="7",
        task="binary",
        score="p",
        label="late",
        timestamp="at",
        categorical=["region"],
    )
    assert baseline == same


def test_csv_and_parquet_give_the_same_baseline(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_parquet(tmp_path / "rows.parquet")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    for name in ("rows.parquet", "rows.csv"):
        assert build(tmp_path / name, *ROLES, "-o", tmp_path / f"{name}.json").exit_code == 0
    assert Baseline.load(tmp_path / "rows.csv.json") == Baseline.load(tmp_path / "rows.parquet.json")


def test_build_names_the_file_itself(rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows.to_csv("rows.csv", index=False)
    arguments = ("--model", "team/risk", "--version", "7.1", "--task", "regression", "--feature", "income")
    result = run("build", "rows.csv", *arguments)
    assert result.stdout.startswith("team_risk-7.1.baseline.json: baseline ")
    assert result.stdout.endswith(", 1 features, 5,000 rows, 1 season slot\n")
    assert Baseline.load("team_risk-7.1.baseline.json").model == "team/risk"


def test_build_takes_categories_from_the_training_rows(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows[rows.channel != "web"].to_csv(tmp_path / "training.csv", index=False)
    options = ("--exclude", "at", "--exclude", "p", "--categories-from", tmp_path / "training.csv")
    assert build(tmp_path / "rows.csv", *options, "-o", tmp_path / "b.json").exit_code == 0
    channel = Baseline.load(tmp_path / "b.json").feature("channel")
    assert channel.counts[0, -1] == (rows.channel == "web").sum()
    old, phone, web = (f"{(rows.channel == name).mean():.1%}" for name in ("branch [old]", "phone", "web"))
    known = sorted([f"branch [old] {old}", f"phone {phone}"])
    shown = run("show", tmp_path / "b.json").stdout
    assert any(f"{', '.join(order)}, _unseen {web}" in shown for order in (known, known[::-1]))


def test_show(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows["empty"] = np.nan
    rows.to_parquet(tmp_path / "rows.parquet")
    build(tmp_path / "rows.parquet", *ROLES, "-o", tmp_path / "b.json")
    result = run("show", tmp_path / "b.json")
    assert (result.exit_code, result.stderr) == (0, "")
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    missing = f"{rows.income.isna().mean():.1%}"
    low, high = int(rows.income.min()), int(rows.income.max())
    web, old, phone = (f"{(rows.channel == name).mean():.1%}" for name in ("web", "branch [old]", "phone"))
    by_name = {row[0]: row[1:] for row in cells}
    assert by_name["income"] == [
        "numeric",
        "42",
        missing,
        f"{low} to {high}, valid {2 * low - high} to {2 * high - low}",
    ]
    assert by_name["channel"][:3] == ["categorical", "5", "0.0%"]
    assert set(by_name["channel"][3].split(", ")) == {f"web {web}", f"branch [old] {old}", f"phone {phone}"}
    assert by_name["member"][:2] == ["boolean", "4"]
    assert by_name["region"][:2] == ["categorical", "6"]
    assert by_name["empty"] == ["numeric", "2", "100.0%", "no values"]
    facts = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()[:12]}
    assert facts["model"] == "credit-risk 7"
    assert facts["season"] == "hour of the day, UTC"
    assert facts["time"] == "2024-01-01 00:00 to 2024-01-11 09:57"
    joint = Baseline.load(tmp_path / "b.json").joint
    assert joint is not None
    components, farthest = len(joint.components), f"{joint.error.bounds[-1]:.4g}"
    known = f"{components} principal components of 4 features, error up to {farthest} on 2,500 other rows"
    assert facts["joint"] == known
    assert facts["mean_label"] == f"{rows.late.mean():.4g}"
    positive = (rows.p >= 0.5).mean()
    assert facts["predicted"] == f"0 {1 - positive:.1%}, 1 {positive:.1%}"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("build", "nothing.csv"), 1, "cannot read 'nothing.csv': No such file or directory"),
        (("build", "text.parquet"), 1, "cannot read 'text.parquet': "),
        (("build", "empty.csv"), 1, "cannot read 'empty.csv': No columns to parse from file"),
        (("build", "rows.csv", "--label", "lat"), 1, "the data has no column 'lat'; did you mean 'late'?"),
        (("build", "rows.csv", "-o", "no/folder"), 1, "cannot write baseline 'no/folder': No such file or directory"),
        (("build", "rows.xlsx"), 2, "cannot read 'rows.xlsx': its name should end in .parquet or .csv"),
        (("build", "rows.csv", "--task", "binery"), 2, "unknown task 'binery': it must be one of binary, multiclass, "),
        (("show", "nothing.json"), 1, "cannot read baseline 'nothing.json': No such file or directory"),
        (("show", "empty.csv"), 1, "cannot use baseline 'empty.csv': not JSON: "),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.parquet").write_text("hello")
    Path("empty.csv").write_text("")
    Path("rows.csv").write_text("x,late\n1,0\n2,1\n")
    identity = ("--model", "m", "--version", "1", *(() if "--task" in arguments else ("--task", "binary")))
    result = run(*arguments, *(identity if arguments[0] == "build" else ()))
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"tidegauge: {message}")
    assert result.stderr.count("\n") == 1


def test_a_missing_option_is_wrong_use() -> None:
    assert run("build", "rows.csv", "--model", "m").exit_code == 2


def test_attributions_come_from_a_file_of_their_own(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_parquet(tmp_path / "rows.parquet")
    (rows[["income"]] / 1000).to_parquet(tmp_path / "attributions.parquet")
    more = ("--attributions", tmp_path / "attributions.parquet", "-o", tmp_path / "b.json")
    assert build(tmp_path / "rows.parquet", *ROLES, *more).exit_code == 0
    (income,) = Baseline.load(tmp_path / "b.json").attributions
    assert income.counts.sum() == rows["income"].notna().sum()
    assert income.counts.shape[0] == 24
    shown = run("show", tmp_path / "b.json").stdout
    assert "of 1 features" in shown
