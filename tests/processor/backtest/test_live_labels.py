"""Evaluations of a backtest are those of the live way: receipts, outcomes, cohorts, the engine's incidents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.processor.backtest.live_labels import (
    COHORT,
    COHORTS,
    DEADLINES,
    LABELS,
    POLICY,
    START,
    live,
    same_evaluations,
    told,
)
from tests.processor.requests import HOUR
from tidegauge import Baseline
from tidegauge_processor.backtest import LabelColumns, OutputColumns, Source, run
from tidegauge_processor.backtest.evaluations import EvaluationRecord
from tidegauge_processor.signals import IncidentSignal

ROWS = 400  # an hour


def rows() -> pd.DataFrame:
    """Labels come within nine hours, positive ones later; from the fifth cohort on a third of them are turned round.

    The north has more of the high scores. Some labels say that they came before their prediction.
    """
    rng = np.random.default_rng(5)
    number = COHORTS * 3 * ROWS
    at = START + np.repeat(np.arange(COHORTS * 3), ROWS) * HOUR
    score = np.round(rng.random(number), 4)
    turned = (at >= START + 4 * COHORT) & (rng.random(number) < 0.35)
    late = (rng.random(number) < score) ^ turned
    delay = np.where(late, rng.uniform(0, 9, number), rng.uniform(0, 4, number)) * HOUR
    landed = at + delay.astype(np.int64)
    landed[::53] = at[::53] - HOUR // 2  # a clock that is behind: before the prediction, so at once
    known = rng.random(number) < 0.9
    for row, deadline in told(at):
        landed[row], known[row] = deadline, True
    return pd.DataFrame(
        {
            "at": at,
            "landed": landed,
            "income": rng.normal(size=number),
            "region": np.where(score * rng.random(number) > 0.5, "north", rng.choice(["south", "west"], number)),
            "score": score,
            "late": pd.Series(late).astype(int).where(known).astype("Int64"),
        }
    )


def baseline() -> Baseline:
    rng = np.random.default_rng(9)
    score = rng.random(5_000)
    reference = {"income": rng.normal(size=5_000), "score": score, "late": (rng.random(5_000) < score).astype(int)}
    return Baseline.fit(pd.DataFrame(reference), model="m", version="1", task="binary", score="score", label="late")


def test_the_same_evaluations_changes_and_incidents(tmp_path: Path) -> None:
    frame, known = rows(), baseline()
    frame.loc[frame["landed"] > DEADLINES[-1], "late"] = pd.NA
    frame.sample(frac=1, random_state=2).to_parquet(tmp_path / "rows.parquet")
    columns = LabelColumns("late", "landed", ("region",))
    found = run(Source(tmp_path / "rows.parquet"), known, POLICY, "at", OutputColumns(score="score"), columns, LABELS)
    said = live(frame, known, "score", "late", segments=["region"])

    expected = same_evaluations(found.evaluations, said)
    assert {each.type for each in expected} == {"realized", "estimated"}
    assert any(each.unweighted is not None for each in expected)
    assert any(each.completeness is not None and each.completeness < 0.8 for each in expected)
    selected = [each for each in expected if each.name == "selection_rate"]
    assert len(selected) == 3 * COHORTS
    for each in selected:
        own = frame[(frame["region"] == str(each.segment).partition("=")[2]) & (frame["at"] // COHORT == _number(each))]
        assert (each.labels, each.completeness) == (len(own), 1.0)
        assert each.value == pytest.approx((own["score"] >= 0.5).mean(), abs=1e-12)

    labelled = [each for each in said if isinstance(each, IncidentSignal) and each.cause != "drift"]
    assert {each.cause for each in labelled} == {"labels", "fairness"}
    ours = [each for each in found.incidents if each.id.endswith(("-labels", "-fairness"))]
    assert sorted(each.id for each in ours) == sorted(each.id for each in labelled if each.change == "opened")
    for incident in ours:
        last = [each for each in labelled if each.id == incident.id][-1]
        assert (incident.level, incident.closed is not None) == (last.state.value, last.change == "closed")
        assert incident.close_reason == last.close_reason
        assert int(incident.change_point.timestamp()) * 10**9 == last.change_point
        if incident.closed is None and last.cause == "labels":
            continue  # the backtest has tested the last cohort, for whose time to come nobody waits here
        assert [(stream.state.value, stream.rows) for stream in incident.streams] == [_claim(s) for s in last.streams]
        names = [f"{stream.target} {stream.name}" for stream in incident.streams]
        assert names == [sentence.partition(":")[0] for sentence in last.streams]


def test_the_same_numbers_of_several_classes(tmp_path: Path) -> None:
    rng, names = np.random.default_rng(6), ["bus", "car", "walk"]
    frame = rows().drop(columns=["score", "late"])
    frame = frame[(frame.index % 7 == 0) | frame["landed"].isin(DEADLINES)]
    scores = rng.dirichlet([1.0, 0.5, 0.3], len(frame))
    places = (scores.cumsum(axis=1) < rng.random((len(frame), 1))).sum(axis=1)
    columns = [f"p_{name}" for name in names]
    frame[columns], frame["was"] = scores, np.array(names)[places]
    known = Baseline.fit(
        frame.iloc[:1_000],
        model="m",
        version="1",
        task="multiclass",
        label="was",
        features=["income"],
        score=dict(zip(names, columns, strict=True)),
    )
    frame["was"] = frame["was"].where(frame["landed"] <= DEADLINES[-1])
    frame.to_parquet(tmp_path / "rows.parquet")
    outputs = OutputColumns(class_scores=tuple(zip(names, columns, strict=True)))
    given = outputs, LabelColumns("was", "landed", ("region",)), LABELS
    found = run(Source(tmp_path / "rows.parquet"), known, POLICY, "at", *given)
    said = live(frame, known, columns, "was", segments=["region"])
    expected = same_evaluations(found.evaluations, said)
    of_classes = {each.name for each in expected if each.type == "realized" and each.klass == "bus"}
    assert {"roc_auc", "average_precision", "specificity"} <= of_classes
    assert {each.name for each in expected if each.segment == "region=north"} >= {"roc_auc", "log_loss", "brier"}


def test_the_same_selection_rates_without_any_label(tmp_path: Path) -> None:
    frame, known = rows(), baseline()
    frame["late"] = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    frame.sample(frac=1, random_state=2).drop(columns="late").to_parquet(tmp_path / "rows.parquet")
    columns = LabelColumns(segments=("region",))
    found = run(Source(tmp_path / "rows.parquet"), known, POLICY, "at", OutputColumns(score="score"), columns, LABELS)
    said = live(frame, known, "score", "late", segments=["region"])
    assert found.labels is None
    expected = same_evaluations(found.evaluations, said)
    realized = [each for each in expected if each.type == "realized"]
    assert {each.name.removesuffix("_difference").removesuffix("_ratio") for each in realized} == {"selection_rate"}
    (ours,) = [each for each in found.incidents if each.id.endswith("-fairness")]
    shown = [each for each in said if isinstance(each, IncidentSignal) and each.cause == "fairness"]
    assert [(each.change, each.id) for each in shown if each.change == "opened"] == [("opened", ours.id)]
    assert [(stream.state.value, stream.rows) for stream in ours.streams] == [_claim(s) for s in shown[-1].streams]
    assert ours.streams[0].name == "region=north selection_rate"


def _number(record: EvaluationRecord) -> int:
    return int(record.start.timestamp()) * 10**9 // COHORT


def _claim(sentence: str) -> tuple[str, int]:
    """State and rows of a stream, as an event puts them."""
    state = sentence.partition(": ")[2].partition(",")[0]
    return "ok" if state == "moved with the others" else state, int(sentence.split()[-2])
