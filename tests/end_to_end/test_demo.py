"""The demo: its data are what it says they are, and a shortened run of it finds what is in them."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml

from tests.end_to_end.leaves import gauge, leaves
from tests.end_to_end.processes import Child, Restarted, free_endpoint, wait_until, with_sigint
from tests.end_to_end.sink import Request, Sink
from tidegauge import semconv

DEMO = Path(__file__).parents[2] / "examples" / "flights"


@pytest.fixture(scope="module")
def flights() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DEMO)
        import flights

        yield flights


@pytest.fixture(scope="module")
def year(flights: ModuleType) -> pd.DataFrame:
    return flights.load()


def test_every_flight_of_the_year_is_there_in_the_order_of_the_schedule(year: pd.DataFrame) -> None:
    assert len(year) == 336_776
    assert year["time"].is_monotonic_increasing
    assert year["time"].iloc[0] == pd.Timestamp("2013-01-01T10:00Z")
    assert year["late"].isna().sum() == 9_430  # cancelled or diverted
    assert (year["late"].isna() == year["landing"].isna()).all()


def test_the_late_rate_falls_in_september_and_rises_in_december(year: pd.DataFrame) -> None:
    local = year["time"].dt.tz_convert("America/New_York").dt.month
    late = year["late"].astype(float).groupby(local).mean().round(3).to_dict()
    assert late == {
        1: 0.227,
        2: 0.229,
        3: 0.228,
        4: 0.279,
        5: 0.220,
        6: 0.308,
        7: 0.315,
        8: 0.238,
        9: 0.132,
        10: 0.168,
        11: 0.174,
        12: 0.326,
    }


def test_the_model_sees_the_schedule_and_the_weather_before_it_and_nothing_later(
    flights: ModuleType, year: pd.DataFrame
) -> None:
    assert [
        *("carrier", "origin", "dest", "distance", "hour", "minute"),
        *("temp", "humid", "wind_speed", "precip", "pressure", "visib"),
    ] == flights.FEATURES
    assert list(year.columns) == [*flights.FEATURES, "time", "landing", "late"]
    first = year[year["origin"] == "EWR"].iloc[0]  # 5:15 in New York: 39.92 °F at four o'clock, 39.02 at five
    assert (first["hour"], first["minute"], first["temp"]) == (5, 15, 39.92)


def test_outcomes_are_known_after_departure_and_within_36_hours(year: pd.DataFrame) -> None:
    wait = (year["landing"] - year["time"]).dropna()
    assert wait.min() > pd.Timedelta(0)
    assert wait.max() < pd.Timedelta(hours=36)  # what processor.yaml waits for


def test_training_and_baseline_share_no_day_and_nothing_of_february(flights: ModuleType, year: pd.DataFrame) -> None:
    train_on, held_out = flights.january(year)
    assert len(train_on) + len(held_out) == (year["time"] < flights.FIRST_DAY).sum()
    assert set(train_on["time"].dt.day) == set(range(1, 32, 2))
    assert set(held_out["time"].dt.day) == set(range(2, 32, 2))
    assert max(train_on["time"].max(), held_out["time"].max()) < pd.Timestamp("2013-02-01T00:00Z")


def test_the_model_ranks_days_it_has_not_seen_better_than_chance(flights: ModuleType, year: pd.DataFrame) -> None:
    from sklearn.metrics import roc_auc_score

    train_on, held_out = flights.january(year)
    model = flights.DelayModel().fit(train_on)
    arrived = held_out[held_out["late"].notna()]
    scores = model.predict(arrived)
    assert roc_auc_score(arrived["late"].astype(bool), scores) == pytest.approx(0.689, abs=0.005)
    assert scores.mean() == pytest.approx(arrived["late"].mean(), abs=0.02)


@pytest.mark.end_to_end
def test_four_weeks_of_the_demo(year: pd.DataFrame, tmp_path: Path) -> None:
    until = "2013-03-01"
    folder = tmp_path / "output"
    command = [sys.executable, str(DEMO / "demo.py"), "--until", until, "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr
    signals = [json.loads(line) for line in (folder / "signals.jsonl").read_text().splitlines()]

    february = year[(year["time"] >= "2013-02-01") & (year["time"] < until)]
    assert max(values(signals, "ml.window.samples")) == len(february)
    assert set(values(signals, "ml.window.completeness")) == {1.0}
    assert max(values(signals, "ml.window.end")) == pd.Timestamp(until, tz="UTC").timestamp()

    realized = {"ml.evaluation.name": "mean_label", "ml.evaluation.type": "realized"}
    of_groups = [signal for signal in signals if "ml.segment.name" in signal["attributes"]]
    of_all = [signal for signal in signals if "ml.segment.name" not in signal["attributes"]]
    for said, flights in (
        (values(of_all, "ml.evaluation.score", **realized), february),
        (
            values(of_groups, "ml.evaluation.score", **realized, **{"ml.segment.value": "JFK"}),
            february[february["origin"] == "JFK"],
        ),
    ):
        by_day = flights["late"].astype(float).groupby(flights["time"].dt.floor("D")).mean()
        assert said == pytest.approx(by_day.tolist())

    stretch = {"ml.feature.name": "temp", "ml.drift.method": "ks_distance", "ml.window.name": "72h"}
    distances = values(signals, "ml.drift.score", **stretch)
    assert len(distances) == 26  # the last three days, each day from the third on
    assert all(0.1 < distance < 0.8 for distance in distances)  # no warmer than January, but other days
    opened = next(signal for signal in signals if signal["name"] == "ml.drift.state_changed")
    assert opened["attributes"]["ml.incident.change"] == "opened"
    assert not any(signal["name"] == "tidegauge.processor.late" for signal in signals)
    assert (folder / "flights.png").stat().st_size > 50_000
    assert "24,936 flights predicted, 24,936 judged" in done.stdout


@pytest.mark.end_to_end
def test_a_processor_killed_twice_counts_every_flight_once(
    flights: ModuleType, year: pd.DataFrame, tmp_path: Path
) -> None:
    """The demo's application, configuration and traffic; the days before the last are closed by event time."""
    until = flights.day("2013-02-15")
    train_on, held_out = flights.january(year)
    model = flights.DelayModel().fit(train_on)
    flights.fit_baseline(model, train_on, held_out).save(tmp_path / "baseline.json")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    config = yaml.safe_load((DEMO / "processor.yaml").read_text())
    config["windows"]["idle_timeout"] = "1h"  # a slow machine is not a silent application
    config["storage"]["directory"] = str(tmp_path / "state")
    config["receiver"]["endpoint"] = free_endpoint()

    def judged(requests: Iterable[Request]) -> float:
        return max(gauge(requests, semconv.METRIC_WINDOW_END).values(), default=0.0)

    def labels(requests: Iterable[Request]) -> dict[int, float]:
        return gauge(
            requests,
            semconv.METRIC_EVALUATION_LABELS,
            {semconv.EVALUATION_NAME: "roc_auc", semconv.EVALUATION_TYPE: "realized"},
        )

    last, evaluated = until - pd.Timedelta(days=1), until - pd.Timedelta(days=4)
    with Sink() as sink:
        config["exporter"]["endpoint"] = sink.endpoint
        command = [sys.executable, str(DEMO / "app.py"), str(tmp_path), "--until", f"{until:%Y-%m-%d}"]
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{config['receiver']['endpoint']}"}
        with Restarted(config, tmp_path) as processor, Child(command, tmp_path / "app.log", **endpoint) as app:
            for reached in (flights.day("2013-02-04"), flights.day("2013-02-09")):
                sink.wait(lambda requests, at=reached: judged(requests) >= at.timestamp(), f"{reached} is judged")
                processor.kill_and_restart()
            assert app.wait() == 0, app.output
            sink.wait(lambda requests: judged(requests) >= last.timestamp(), "the last whole day is judged")
            sink.wait(lambda requests: evaluated.value in labels(requests), "the outcomes are evaluated")
        found = list(leaves(sink.requests))

    live = year[(year["time"] >= flights.FIRST_DAY) & (year["time"] < last)]
    counted = [leaf.data for leaf in found if leaf.name == semconv.METRIC_WINDOW_SAMPLES]
    assert max(point.as_int for point in counted if point.time_unix_nano <= last.value) == len(live)
    arrived = live[live["late"].notna()].groupby(live["time"].dt.floor("D")).size()
    assert {end: rows for end, rows in labels(sink.requests).items() if end <= evaluated.value} == {
        (day + pd.Timedelta(days=1)).value: rows for day, rows in arrived.items() if day < evaluated
    }


@pytest.fixture
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo whose two processes are running; started with SIGINT as the parameter says, by default as from a shell."""
    command = [sys.executable, str(DEMO / "demo.py"), "--output", str(tmp_path)]
    command = with_sigint(getattr(request, "param", "SIG_DFL"), command)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: process.poll() is not None or len(children_of(process)) == 2, "both processes run")
            yield process
        finally:
            process.terminate()


@pytest.mark.end_to_end
@pytest.mark.parametrize(("victim", "name"), [("tidegauge_processor.cli", "processor"), ("app.py", "app")])
def test_a_process_that_dies_ends_the_demo_with_one_line(
    demo: subprocess.Popen[str], tmp_path: Path, victim: str, name: str
) -> None:
    children = children_of(demo)
    next(child for child in children if any(victim in part for part in child.cmdline())).kill()
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert said == f"demo: the {name} ended with code -9: see {tmp_path / name}.log\n"
    assert not any(child.is_running() for child in children)


@pytest.mark.end_to_end
def test_an_interrupt_stops_everything(demo: subprocess.Popen[str]) -> None:
    children = children_of(demo)
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert said == ""
    assert not any(child.is_running() for child in children)


@pytest.mark.end_to_end
@pytest.mark.parametrize("demo", ["SIG_IGN"], indirect=True)
def test_a_job_in_the_background_goes_on_when_interrupted_and_stops_everything_when_terminated(
    demo: subprocess.Popen[str],
) -> None:
    children = children_of(demo)
    demo.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        demo.wait(0.5)
    assert all(child.is_running() for child in children)
    demo.send_signal(signal.SIGTERM)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 143
    assert said == ""
    assert not any(child.is_running() for child in children)


@pytest.mark.end_to_end
def test_a_signal_while_a_child_is_being_started_leaves_it_not_behind(tmp_path: Path) -> None:
    program = """
import os, signal, subprocess, sys
from pathlib import Path
import demo

def terminated_meanwhile(*arguments, start=subprocess.Popen, **options):
    process = start(*arguments, **options)
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    return process

subprocess.Popen = terminated_meanwhile
demo.ENDING.watch()
with demo.running("sleeper", ["-c", "import time; time.sleep(600)"], Path(sys.argv[1])):
    print("it went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=DEMO, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 143, done.stderr
    assert not psutil.pid_exists(int(done.stdout))


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def values(signals: list[dict[str, Any]], name: str, **attributes: str) -> list[float]:
    """Values of the points of one metric that carry ``attributes``, in the order of their time."""
    found = [s for s in signals if s["name"] == name and attributes.items() <= s["attributes"].items()]
    return [signal["value"] for signal in sorted(found, key=lambda signal: signal["time"])]
