"""Counts and verdicts of a backtest are those of the live way: predict, SDK, wire, windows, close."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.processor.backtest.live import Live, live
from tests.processor.requests import HOUR
from tests.workloads import MONDAY
from tidegauge import Baseline
from tidegauge_processor import comparison
from tidegauge_processor.backtest import Backtest, OutputColumns, Source, run
from tidegauge_processor.backtest.counting import Tally
from tidegauge_processor.backtest.results import stream_name
from tidegauge_processor.backtest.timeline import Timeline, times_of
from tidegauge_processor.signals import DriftSignal, EvaluationSignal, IncidentSignal, WindowSignal
from tidegauge_processor.verdicts.types import Policy, Stream

POLICY = Policy(scales=(1, 3, 9), quiet_windows=2)
HOURS = 9
GAP = 5  # an hour without rows


def rows(hour: int, number: int = 150) -> pd.DataFrame:
    """Rows of one hour with all that can be wrong in a typed column; from hour 6 on the income is another one."""
    rng = np.random.default_rng(hour)
    income = rng.normal(size=number) + (1.0 if hour >= 6 else 0.0)
    income[rng.random(number) < 0.1] = np.nan
    income[:2] = np.inf, 1e9
    score = rng.random(number)
    return pd.DataFrame(
        {
            "at": [MONDAY + hour * HOUR + place * HOUR // number for place in range(number)],
            "income": income,
            "age": rng.integers(18, 80, number),
            "height": [Decimal(int(n)) / 4 if n > 20 else None for n in rng.integers(0, 100, number)],
            "purpose": rng.choice(np.array(["car", "house", "boat", "moon", None], dtype=object), number),
            "region": rng.integers(1, 9, number),
            "member": rng.random(number) < 0.5,
            "rate": rng.choice([1.0, 1.5, 2.0, np.nan], number),
            "score": np.where(rng.random(number) < 0.05, np.nan, score),
            "predicted": np.where(score > 0.7, "late", "on_time"),
        }
    )


def reference() -> pd.DataFrame:
    """Rows without the mistakes."""
    rng = np.random.default_rng(99)
    number = 4_000
    return pd.DataFrame(
        {
            "income": rng.normal(size=number),
            "age": rng.integers(18, 80, number),
            "height": rng.integers(20, 100, number) / 4,
            "purpose": rng.choice(["car", "house", "boat"], number),
            "region": rng.integers(1, 8, number),
            "member": rng.random(number) < 0.5,
            "rate": rng.choice([1.0, 1.5], number),
            "score": rng.random(number),
            "predicted": rng.choice(["on_time", "late"], number),
            "late": rng.choice(["on_time", "late"], number),
            "was": rng.gamma(2.0, size=number),
        }
    )


def baseline(**columns: str | None) -> Baseline:
    outputs: dict[str, Any] = {"task": "binary", "score": "score"} | columns
    unused = [name for name in ("predicted", "score", "late", "was") if name not in outputs.values()]
    categories = ["region", "rate"]
    return Baseline.fit(reference(), model="m", version="1", exclude=unused, categorical=categories, **outputs)


def history(hours: int = HOURS) -> pd.DataFrame:
    return pd.concat([rows(hour) for hour in range(hours) if hour != GAP], ignore_index=True)


def written(frame: pd.DataFrame, path: Path) -> Source:
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return Source(path)


def by_hour(frame: pd.DataFrame, output: Any, features: list[str]) -> list[tuple[int, Any, Any]]:
    """One call with a data frame for each hour, in turn with calls of single rows as dicts."""
    calls: list[tuple[int, Any, Any]] = []
    for hour, part in frame.groupby(frame["at"] // HOUR):
        if hour % 2:
            calls.append((int(part["at"].iloc[0]), part[features], output(part)))
            continue
        for _, row in part.iterrows():
            single = part.loc[[row.name]]
            values = {name: single[name].astype(object).iloc[0] for name in features}
            calls.append((int(row["at"]), values, output(single)))
    return calls


def assert_same(found: Backtest, counted: dict[int, dict[Stream, Any]], expected: Live) -> None:
    windows = {window.start: window for window in expected.history}
    assert len(windows) == HOURS == len(counted) + 1  # but the gap, which the history fills
    assert all(counts[Stream("joint", "")].sum() for counts in counted.values())
    for start, counts in counted.items():
        there = windows[start].counts
        assert counts.keys() == there.keys()
        different = {str(s): (counts[s].tolist(), there[s].tolist()) for s in counts if (counts[s] != there[s]).any()}
        assert different == {}

    verdicts: dict[tuple[int, str, str], dict[str, DriftSignal]] = {}
    for signal in expected.said:
        if isinstance(signal, DriftSignal):
            name = stream_name(Stream(signal.target, signal.name, signal.detail))
            verdicts.setdefault((signal.subject.end, signal.target, name), {})[signal.window] = signal
    for window in found.windows:
        end = int(window.end.timestamp()) * 10**9
        assert {(s.target, s.name) for s in window.streams} == {key[1:] for key in verdicts if key[0] == end}
        for stream in window.streams:
            live_ones = verdicts[end, stream.target, stream.name]
            assert stream.states == {window: signal.state for window, signal in live_ones.items()}
            headline = live_ones[stream.window]
            assert stream.p_value == min(headline.p_values.values(), default=None)
            assert (stream.rows, stream.reason) == (headline.rows, headline.reason)
            assert stream.effects.items() <= headline.scores.items()

    assert_same_estimates(found, expected)
    assert [window.rows for window in found.windows] == [s.rows for s in expected.said if isinstance(s, WindowSignal)]
    changes = [signal for signal in expected.said if isinstance(signal, IncidentSignal)]
    assert [i.id for i in found.incidents] == [s.id for s in changes if s.change == "opened"]
    assert found.incidents
    for incident in found.incidents:
        last = [change for change in changes if change.id == incident.id][-1]
        assert (incident.level, incident.closed is not None) == (last.state.value, last.change == "closed")
        assert incident.close_reason == last.close_reason
        assert len(incident.streams) == len(last.streams)
        assert int(incident.change_point.timestamp()) * 10**9 == last.change_point


def assert_same_estimates(found: Backtest, expected: Live) -> None:
    there = {
        (signal.subject.start, signal.name, signal.klass): (signal.value, signal.lower, signal.upper, signal.labels)
        for signal in expected.said
        if isinstance(signal, EvaluationSignal)
    }
    here = {
        (int(each.start.timestamp()) * 10**9, each.name, each.klass or ""): (
            each.value,
            each.lower,
            each.upper,
            each.labels,
        )
        for each in found.evaluations
    }
    assert here.keys() == there.keys()
    assert all(here[key] == pytest.approx(numbers, rel=1e-12) for key, numbers in there.items())


def compare(source: Source, outputs: OutputColumns, reference: Baseline, calls: list[tuple[int, Any, Any]]) -> None:
    found = run(source, reference, POLICY, "at", outputs)
    tally, timeline, done = Tally(reference, outputs), Timeline(times_of(source, "at"), HOUR), 0
    for chunk in source.chunks(source.names):
        tally.add(chunk, timeline.windows[done : done + chunk.rows])
        done += chunk.rows
    counted = {number * HOUR: comparison.counts(seen, reference) for number, seen in tally.take(None)}
    assert_same(found, counted, live(calls, reference, POLICY))
    assert bool(found.evaluations) == bool(reference.calibration or reference.loss)


FEATURES = ["income", "age", "height", "purpose", "region", "member", "rate"]


@pytest.mark.parametrize("shuffled", [False, True])
def test_parquet_with_a_score(tmp_path: Path, shuffled: bool) -> None:
    frame, known = history(), baseline()
    calls = by_hour(frame, lambda part: part["score"].to_numpy(), FEATURES)
    stored = frame.sample(frac=1, random_state=1) if shuffled else frame
    compare(written(stored, tmp_path / "rows.parquet"), OutputColumns(score="score"), known, calls)


def test_parquet_with_a_class_and_a_score(tmp_path: Path) -> None:
    frame, known = history(), baseline(prediction="predicted", label="late")

    def output(part: pd.DataFrame) -> Any:
        return {"class": part["predicted"].tolist(), "score": part["score"].to_numpy()}

    columns = OutputColumns("predicted", "score")
    calls = by_hour(frame, output, FEATURES)
    compare(written(frame, tmp_path / "rows.parquet"), columns, known, calls)


def test_parquet_with_one_of_several_classes_and_its_score(tmp_path: Path) -> None:
    """A class that the baseline does not know has no precision, but counts for the accuracy."""
    frame, columns = history(), {"task": "multiclass", "prediction": "purpose", "label": "late", "score": "score"}
    frame["purpose"] = frame["purpose"].fillna("boat")
    trained = reference().assign(late=lambda rows: rows["purpose"].where(rows["score"] > 0.4, "boat"))
    names = ["predicted", "was"]
    known = Baseline.fit(trained, model="m", version="1", exclude=names, categorical=["region", "rate"], **columns)

    def output(part: pd.DataFrame) -> Any:
        return {"class": part["purpose"].tolist(), "score": part["score"].to_numpy()}

    features = [name for name in FEATURES if name != "purpose"]
    source, outputs = written(frame, tmp_path / "rows.parquet"), OutputColumns("purpose", "score")
    compare(source, outputs, known, by_hour(frame, output, features))
    said = run(source, known, POLICY, "at", outputs).evaluations
    assert {(each.name, each.klass) for each in said} == {
        ("accuracy", None),
        ("macro_precision", None),
        *(("precision", name) for name in ("boat", "car", "house")),
    }


def scored(number: int, seed: int) -> pd.DataFrame:
    """Scores of three classes, and which came true, as often as they say."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([1.0, 0.7, 0.4], number)
    was = [str(rng.choice(["bus", "car", "tram"], p=share)) for share in shares]
    return pd.DataFrame(shares, columns=["p_bus", "p_car", "p_tram"]).assign(was=was)


@pytest.mark.parametrize("said", [False, True])
def test_parquet_with_the_scores_of_all_classes(tmp_path: Path, said: bool) -> None:
    """Rows lack a score, or have an impossible one: then none of their scores counts. The class may be said apart."""
    names, rng = ["p_bus", "p_car", "p_tram"], np.random.default_rng(3)
    frame = history()
    frame = pd.concat([frame, scored(len(frame), 7)], axis=1)
    frame.loc[rng.random(len(frame)) < 0.04, "p_car"] = np.nan
    frame["said"] = np.where(rng.random(len(frame)) < 0.2, "zebra", "tram")
    if said:
        frame.loc[rng.random(len(frame)) < 0.03, ["p_bus", "p_tram"]] = [1.5, -0.5]
    trained = reference().drop(columns=["score", "predicted", "late", "was"])
    trained = pd.concat([trained, scored(len(trained), 8)], axis=1)
    columns = {"bus": "p_bus", "car": "p_car", "tram": "p_tram"}
    task: dict[str, Any] = {"task": "multiclass", "score": columns, "label": "was"}
    known = Baseline.fit(trained, model="m", version="1", categorical=["region", "rate"], **task)

    def output(part: pd.DataFrame) -> Any:
        scores = part[names].to_numpy()
        return {"class": part["said"].tolist(), "probabilities": scores} if said else scores

    outputs = OutputColumns("said" if said else None, None, tuple(columns.items()))
    source = written(frame, tmp_path / "rows.parquet")
    compare(source, outputs, known, by_hour(frame, output, FEATURES))
    found = run(source, known, POLICY, "at", outputs).evaluations
    whole = {"accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc"}
    assert {each.name for each in found if each.klass is None} == whole
    assert {each.klass for each in found if each.name == "recall"} == set(columns)
    first = frame[frame["at"] // HOUR == frame["at"].min() // HOUR]
    good = first[names].ge(0).all(axis=1) & first[names].le(1).all(axis=1)
    assert {each.labels for each in found if each.start == found[0].start} == {int(good.sum())}


def test_parquet_with_a_predicted_number(tmp_path: Path) -> None:
    frame, known = history(), baseline(task="regression", score=None, prediction="score", label="was")
    assert known.loss is not None
    calls = by_hour(frame, lambda part: part["score"].to_numpy(), FEATURES)
    compare(written(frame, tmp_path / "rows.parquet"), OutputColumns("score"), known, calls)


def test_columns_of_the_wrong_type(tmp_path: Path) -> None:
    frame, known = history(), baseline()
    frame["age"] = frame["age"].astype(str)
    frame["purpose"] = [[purpose] for purpose in frame["purpose"]]
    frame["member"] = frame["member"].astype(int)
    frame["region"] = pd.Categorical(frame["region"].astype(str))
    calls = by_hour(frame, lambda part: part["score"].to_numpy(), FEATURES)
    compare(written(frame, tmp_path / "rows.parquet"), OutputColumns(score="score"), known, calls)


def test_csv_with_words_among_numbers(tmp_path: Path) -> None:
    frame, known = history(), baseline()
    frame["income"] = frame["income"].astype(object)
    frame.loc[frame.index % 7 == 0, "income"] = "unknown"
    frame["height"] = frame["height"].astype(float)
    calls = by_hour(frame, lambda part: part["score"].to_numpy(), FEATURES)
    compare(written(frame, tmp_path / "rows.csv"), OutputColumns(score="score"), known, calls)
