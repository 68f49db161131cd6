"""Labels in a backtest, through the command: numbers are scikit-learn's on the rows of a day."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from tests.processor.backtest.labelled import (
    backtest,
    binary,
    by_day,
    fit,
    multiclass,
    numbers,
    regression,
    whole,
)

EXACT = {"rel": 1e-12, "abs": 1e-12}
BINARY = ("--score", "score", "--label", "late")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def fit_binary() -> None:
    reference = binary(6_000, seed=1).drop(columns=["at", "landed", "region"])
    fit(reference.dropna(), task="binary", score="score", label="late")


def test_binary_numbers_are_those_of_scikit_learn(capsys: pytest.CaptureFixture[str]) -> None:
    fit_binary()
    rows = binary(3_000, seed=2)
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", *BINARY, "--segment", "region")
    for start, day in by_day(rows).items():
        known = day[day["late"].notna()]
        label, score = known["late"].astype(int), known["score"]
        chosen = (score >= 0.5).astype(int)
        expected = {
            "accuracy": metrics.accuracy_score(label, chosen),
            "precision": metrics.precision_score(label, chosen),
            "recall": metrics.recall_score(label, chosen),
            "specificity": metrics.recall_score(label, chosen, pos_label=0),
            "f1": metrics.f1_score(label, chosen),
            "balanced_accuracy": metrics.balanced_accuracy_score(label, chosen),
            "roc_auc": metrics.roc_auc_score(label, score),
            "average_precision": metrics.average_precision_score(label, score),
            "brier": metrics.brier_score_loss(label, score),
            "log_loss": metrics.log_loss(label, score),
            "mean_score": score.mean(),
            "mean_label": label.mean(),
        }
        said = numbers(found, start, whole)
        assert {name: said[name]["value"] for name in expected} == pytest.approx(expected, **EXACT)
        assert said["accuracy"]["labels"] == len(known)
        curve = [each for each in found["reliability"] if each["start"] == start]
        assert [each["share"] for each in curve] == pytest.approx(
            calibration_curve(label, score, n_bins=10)[0].tolist()
        )
        assert sum(each["labels"] for each in curve) == len(known)
        assert {each["completeness"] for each in said.values()} == {len(known) / len(day)}
        assert all(each["lower"] <= each["value"] <= each["upper"] for each in said.values())
        of_group = known["region"] == "north"
        north = numbers(found, start, lambda each: each["segment"] == "region=north")
        assert north["roc_auc"]["value"] == pytest.approx(
            metrics.roc_auc_score(label[of_group], score[of_group]), **EXACT
        )
        everybody, in_north = day["score"] >= 0.5, day["region"] == "north"
        own, rest = everybody[in_north].mean(), everybody[~in_north].mean()
        assert north["selection_rate"]["value"] == pytest.approx(own, **EXACT)
        assert (north["selection_rate"]["labels"], north["selection_rate"]["completeness"]) == (in_north.sum(), 1.0)
        assert north["selection_rate_difference"]["value"] == pytest.approx(own - rest, **EXACT)
        assert north["selection_rate_ratio"]["value"] == pytest.approx(own / rest, **EXACT)
        true_rates = [metrics.recall_score(label[rows], chosen[rows]) for rows in (of_group, ~of_group)]
        assert north["true_positive_rate"]["value"] == pytest.approx(true_rates[0], **EXACT)
        false_rate = 1 - metrics.recall_score(label[of_group], chosen[of_group], pos_label=0)
        assert north["false_positive_rate"]["value"] == pytest.approx(false_rate, **EXACT)
        apart = numbers(found, start, lambda each: each["segment"] == "region")
        assert set(apart) == {
            f"{rate}_difference" for rate in ("selection_rate", "true_positive_rate", "false_positive_rate")
        }
        assert apart["true_positive_rate_difference"]["value"] == pytest.approx(abs(true_rates[0] - true_rates[1]))
    missing = int(rows["late"].isna().sum())
    assert found["labels"] == {
        "window": "24h",
        "wait": "0s",
        "used": len(rows) - missing,
        "late": 0,
        "unlabelled": missing,
        "without_time": 0,
        "before_prediction": 0,
        "unreadable": 0,
    }
    assert [i for i in found["incidents"] if i["id"].endswith(("-labels", "-fairness"))] == []
    out = capsys.readouterr().out
    assert f"{len(rows) - missing:,} labels of 3,000 rows were used; {missing} rows have none." in out
    line = next(line for line in out.splitlines() if line.startswith("│ 2024-01-02"))
    shown = [cell.strip() for cell in line.split("│")[1:-1]]
    second = numbers(found, "2024-01-02T00:00:00Z", whole)
    assert shown[3:5] == [f"{second[name]['value']:.3f}" for name in ("accuracy", "roc_auc")]
    assert "How far groups were apart at most" in out


def test_without_labels_the_performance_is_estimated() -> None:
    fit_binary()
    rows = binary(6_000, seed=3)
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--score", "score", "--window", "24h")
    assert found["labels"] is None
    assert {each["type"] for each in found["evaluations"]} == {"estimated"}
    for start, day in by_day(rows).items():
        said = {each["name"]: each for each in found["evaluations"] if each["start"] == start}
        assert set(said) == {"accuracy", "precision", "recall", "specificity", "f1", "roc_auc"}
        known = day[day["late"].notna()]
        truth = metrics.accuracy_score(known["late"].astype(int), known["score"] >= 0.5)
        assert abs(said["accuracy"]["value"] - truth) < 0.04
        assert abs(said["roc_auc"]["value"] - metrics.roc_auc_score(known["late"].astype(int), known["score"])) < 0.04
        assert said["accuracy"]["labels"] == len(day)


def test_multiclass_numbers_are_those_of_scikit_learn() -> None:
    fit(multiclass(4_000, 1).drop(columns="at"), task="multiclass", prediction="said", score="score", label="was")
    rows = multiclass(900, seed=4)
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--prediction", "said", "--score", "score", "--label", "was", "--window", "24h")
    for start, day in by_day(rows).items():
        said = numbers(found, start, whole)
        expected = {
            "accuracy": metrics.accuracy_score(day["was"], day["said"]),
            "balanced_accuracy": metrics.balanced_accuracy_score(day["was"], day["said"]),
            "macro_precision": metrics.precision_score(day["was"], day["said"], average="macro", zero_division=0),
            "macro_recall": metrics.recall_score(day["was"], day["said"], average="macro", zero_division=0),
            "macro_f1": metrics.f1_score(day["was"], day["said"], average="macro", zero_division=0),
        }
        assert {name: said[name]["value"] for name in expected} == pytest.approx(expected, **EXACT)
        car = numbers(found, start, lambda each: each["class"] == "car")
        recall = metrics.recall_score(day["was"], day["said"], labels=["car"], average=None)[0]
        assert car["recall"]["value"] == pytest.approx(recall, **EXACT)
        promised = [e for e in found["evaluations"] if (e["start"], e["type"]) == (start, "estimated")]
        estimate = {(e["name"], e["class"]): e for e in promised}
        assert estimate["accuracy", None]["labels"] == len(day)
        precision = metrics.precision_score(day["was"], day["said"], labels=["bus", "car"], average=None)
        truth = {("accuracy", None): expected["accuracy"], ("macro_precision", None): expected["macro_precision"]}
        truth |= {("precision", "bus"): precision[0], ("precision", "car"): precision[1]}
        assert set(estimate) == {*truth, ("precision", "walk")}
        assert all(estimate[key]["lower"] <= value <= estimate[key]["upper"] for key, value in truth.items())
        assert estimate["precision", "bus"]["labels"] == int((day["said"] == "bus").sum())


def test_numbers_of_a_regression_in_csv_are_those_of_scikit_learn() -> None:
    fit(regression(4_000, 1).drop(columns="at"), task="regression", prediction="said", label="was")
    rows = regression(900, seed=5)
    text = rows.assign(was=rows["was"].map(repr))
    text.loc[::50, "was"] = ""
    text.loc[7, "was"] = "soon"
    text.to_csv("rows.csv", index=False)
    known = rows[(text["was"] != "") & (text["was"] != "soon")]
    found = backtest("rows.csv", "--prediction", "said", "--label", "was", "--window", "24h", "--segment", "kind")
    for start, day in by_day(known).items():
        said = numbers(found, start, whole)
        expected = {
            "mae": metrics.mean_absolute_error(day["was"], day["said"]),
            "mse": metrics.mean_squared_error(day["was"], day["said"]),
            "rmse": metrics.root_mean_squared_error(day["was"], day["said"]),
            "mape": metrics.mean_absolute_percentage_error(day["was"], day["said"]),
            "r2": metrics.r2_score(day["was"], day["said"]),
            "bias": (day["said"] - day["was"]).mean(),
        }
        assert {name: said[name]["value"] for name in expected} == pytest.approx(expected, rel=1e-10, abs=1e-10)
        (estimate,) = [e for e in found["evaluations"] if (e["start"], e["type"]) == (start, "estimated")]
        assert (estimate["name"], estimate["segment"]) == ("mae", None)
        assert estimate["lower"] < expected["mae"] < estimate["upper"]
        own = day[day["kind"] == "a"]
        of_group = numbers(found, start, lambda each: each["segment"] == "kind=a")
        assert of_group["mae"]["value"] == pytest.approx(metrics.mean_absolute_error(own["was"], own["said"]))
        assert "selection_rate" not in of_group
    assert (found["labels"]["unlabelled"], found["labels"]["unreadable"]) == (18, 1)


@pytest.mark.parametrize("names", [("0", "1"), ("bad", "good")])
@pytest.mark.parametrize("spelled", [("False", "True"), ("0", "1"), (False, True), (0.0, 1.0)])
def test_labels_are_names_or_places_of_classes_however_they_are_kept(
    names: tuple[str, str], spelled: tuple[str, str] | tuple[bool, bool] | tuple[float, float]
) -> None:
    rows = binary(1_000, seed=15).drop(columns="landed").dropna()
    fit(
        rows.drop(columns=["at", "region"]).assign(late=rows["late"].map(dict(enumerate(names)))),
        task="binary",
        score="score",
        label="late",
    )
    truth = rows["late"].astype(int)
    rows["late"] = truth.map(dict(enumerate(spelled)))
    rows.to_parquet("rows.parquet")
    rows.to_csv("rows.csv", index=False)
    for path in ("rows.parquet", "rows.csv"):
        found = backtest(path, *BINARY)
        assert (found["labels"]["used"], found["labels"]["unreadable"]) == (len(rows), 0)
        share = [each for each in found["evaluations"] if each["name"] == "mean_label" and whole(each)]
        assert sum(each["value"] * each["labels"] for each in share) == pytest.approx(truth.sum())


def test_labels_have_until_the_wait_to_arrive(capsys: pytest.CaptureFixture[str]) -> None:
    fit_binary()
    rows = binary(3_000, seed=6)
    rows.loc[[3, 4, 5], "late"] = 1
    rows.loc[3, "landed"] = rows.loc[3, "at"] - pd.Timedelta(seconds=1)
    rows.loc[[4, 5], "landed"] = pd.NaT
    rows.to_parquet("rows.parquet")
    options = (*BINARY, "--label-time", "landed")
    config = "labels: {window: 24h, wait: 12h}\n"
    found = backtest("rows.parquet", *options, config=config)
    known = rows[rows["late"].notna() & rows["landed"].notna()]  # one came before its prediction, and so at once
    in_time = known[known["landed"] <= known["at"].dt.floor("D") + pd.Timedelta(hours=36)]
    assert 0 < len(in_time) < len(known)
    days = by_day(rows)
    for start, day in by_day(in_time).items():
        accuracy = numbers(found, start, whole)["accuracy"]
        right = metrics.accuracy_score(day["late"].astype(int), (day["score"] >= 0.5).astype(int))
        assert accuracy["value"] == pytest.approx(right, **EXACT)
        assert (accuracy["labels"], accuracy["completeness"]) == (len(day), len(day) / len(days[start]))
    counts = {name: found["labels"][name] for name in ("wait", "used", "late", "before_prediction", "without_time")}
    assert counts == {
        "wait": "12h",
        "used": len(in_time),
        "late": len(known) - len(in_time),
        "before_prediction": 1,
        "without_time": 2,
    }
    out = capsys.readouterr().out
    assert "labels were left out: they came later than 12h after the end of their 24h: raise labels.wait" in out
    assert "2 labels were left out: they have no time." in out
    assert "1 labels say that they came before their prediction: taken to come at once." in out
    rows.sample(frac=1, random_state=1).to_csv("rows.csv", index=False)
    again = backtest("rows.csv", *options, config=config)
    assert again["labels"] == found["labels"]
    assert [each["value"] for each in again["evaluations"]] == pytest.approx(
        [each["value"] for each in found["evaluations"]]
    )


def test_labels_of_a_class_that_comes_late_are_weighed_and_the_naive_number_stands_beside() -> None:
    """Positive labels take a day longer: without weights young cohorts seem to have hardly any."""
    fit_binary()
    rows = binary(24_000, seed=7, days=12)
    rng = np.random.default_rng(8)
    hours = np.where(rows["late"].fillna(0) == 1, rng.uniform(0, 60, len(rows)), rng.uniform(0, 12, len(rows)))
    rows["landed"] = rows["at"] + pd.to_timedelta(hours, unit="h")
    rows.to_parquet("rows.parquet")
    config = "labels: {window: 24h, wait: 0s, retention: 216h}\n"  # mature after a third of it
    found = backtest("rows.parquet", *BINARY, "--label-time", "landed", config=config)
    days, bias, naive = by_day(rows), [], []
    for start in list(days)[6:]:
        truth = days[start]["late"].mean()
        said = numbers(found, start, whole)["mean_label"]
        assert said["completeness"] < 0.8
        bias.append(said["value"] - truth)
        naive.append(said["unweighted"] - truth)
    assert abs(np.mean(bias)) < 0.02
    assert np.mean(naive) < -0.1
    first = numbers(found, next(iter(days)), whole)["mean_label"]
    assert first["unweighted"] is None  # nothing has been learned yet


def test_worse_labels_open_an_incident(capsys: pytest.CaptureFixture[str]) -> None:
    fit_binary()
    good, bad = binary(4_000, seed=9, days=2), binary(4_000, seed=10, days=2, noise=0.4)
    bad["at"] += pd.Timedelta(days=2)
    pd.concat([good, bad]).drop(columns="landed").to_parquet("rows.parquet")
    found = backtest("rows.parquet", *BINARY, "--window", "24h", config="drift: {scales: [1]}\nlabels: {wait: 6h}\n")
    (incident,) = [each for each in found["incidents"] if each["id"].endswith("-labels")]
    assert (incident["opened"], incident["closed"]) == ("2024-01-04T06:00:00Z", None)
    assert (incident["change_point"], incident["level"]) == ("2024-01-03T00:00:00Z", "material")
    stream = incident["streams"][0]
    assert (stream["target"], stream["name"], stream["window"]) == ("performance", "mistakes", "24h")
    assert 0.02 < stream["effect_lower"] < stream["effect"] == pytest.approx(stream["effects"]["difference"])
    assert 0 < stream["p_value"] < 1e-6 < stream["threshold"]
    assert "mistakes" in next(line for line in capsys.readouterr().out.splitlines() if "2024-01-04 06:00" in line)


def test_groups_that_are_treated_differently_open_one_incident(capsys: pytest.CaptureFixture[str]) -> None:
    fit_binary()
    rows = binary(16_000, seed=13, days=16)
    north = (rows["region"] == "north") & (rows["score"] > 0.3)
    rows["chosen"] = ((rows["score"] >= 0.5) | north).astype(int)
    rows.drop(columns="landed").to_parquet("rows.parquet")
    found = backtest("rows.parquet", *BINARY, "--prediction", "chosen", "--segment", "region")
    (incident,) = [each for each in found["incidents"] if each["id"].endswith("-fairness")]
    assert (incident["opened"], incident["closed"]) == ("2024-01-02T00:00:00Z", None)
    names = {(stream["target"], stream["name"]) for stream in incident["streams"]}
    assert ("fairness", "region=north selection_rate") in names
    assert all(stream["p_value"] <= stream["threshold"] for stream in incident["streams"] if stream["state"] != "ok")
    assert "region=north selection_rate" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("labelled", [True, False])
def test_who_is_refused_never_has_a_label_and_counts_all_the_same(
    labelled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of credits only those that are granted ever come true: no row with a label is one that was selected."""
    fit_binary()
    rows = binary(10_000, seed=14, days=5).drop(columns="landed")
    north, refused = rows["region"] == "north", rows["score"] >= 0.5
    spared = north & (rows["score"] < 0.62)
    rows["refused"] = (refused & ~spared).astype(int)
    rows["late"] = rows["late"].mask(rows["refused"] == 1)
    rows.to_parquet("rows.parquet")
    label = ("--label", "late") if labelled else ()
    found = backtest("rows.parquet", "--prediction", "refused", "--score", "score", *label, "--segment", "region")
    for start, day in by_day(rows).items():
        of_group = day["region"] == "north"
        truth = day["refused"][of_group].mean(), day["refused"][~of_group].mean()
        said = numbers(found, start, lambda each: each["segment"] == "region=north")
        apart = numbers(found, start, lambda each: each["segment"] == "region")["selection_rate_difference"]
        assert said["selection_rate"]["value"] == pytest.approx(truth[0], **EXACT)
        assert said["selection_rate_difference"]["value"] == pytest.approx(truth[0] - truth[1], **EXACT)
        assert (apart["value"], apart["completeness"]) == (pytest.approx(truth[1] - truth[0], **EXACT), 1.0)
        assert apart["labels"] == len(day)
    (incident,) = [each for each in found["incidents"] if each["id"].endswith("-fairness")]
    assert incident["opened"] == "2024-01-02T00:00:00Z"  # at the end of the first day, whatever labels do
    assert {stream["name"].split()[1] for stream in incident["streams"]} == {"selection_rate"}
    assert (found["labels"] is not None) == labelled
    assert "Selection rates are of all predictions" in capsys.readouterr().out


def test_every_key_of_an_evaluation_is_documented() -> None:
    fit_binary()
    binary(300, seed=11).to_parquet("rows.parquet")
    found = backtest("rows.parquet", *BINARY)
    readme = (Path(__file__).parents[3] / "collector_processor" / "README.md").read_text(encoding="utf-8")
    contract = readme.partition("### The JSON")[2].partition("\n## ")[0]
    documented = {part.strip(".[]") for part in contract.split("`")[1::2]}
    keys = {*found, *found["evaluations"][0], *found["labels"]}
    assert keys - documented == set()


def test_an_anomaly_detector_is_measured_without_what_needs_a_probability() -> None:
    rows = binary(2_000, seed=12).drop(columns="landed").dropna()
    rows["odd"] = (rows["score"] > 0.7).astype(int)
    reference = rows.drop(columns=["at", "region"])
    fit(reference, task="anomaly", prediction="odd", score="score", label="late")
    rows.to_parquet("rows.parquet")
    found = backtest("rows.parquet", "--prediction", "odd", "--score", "score", "--label", "late")
    for start, day in by_day(rows).items():
        said = numbers(found, start, whole)
        label = day["late"].astype(int)
        assert said["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(label, day["odd"]), **EXACT)
        assert said["roc_auc"]["value"] == pytest.approx(metrics.roc_auc_score(label, day["score"]), **EXACT)
        assert "brier" not in said
