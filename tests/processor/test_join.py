"""Outcomes by prediction id: they meet their predictions in any order, within bounds, and once over any crash."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processor.models import hour
from tests.processor.requests import HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge.score_codes import from_codes
from tidegauge_processor import windowing
from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.performance.cohort import Cohort
from tidegauge_processor.state.join import Join, Limits
from tidegauge_processor.state.models import Timing
from tidegauge_processor.state.store import Store
from tidegauge_processor.telemetry import Telemetry
from tidegauge_processor.verdicts.types import Policy

DAY = 24 * HOUR
TIMING = Timing(window=HOUR, lateness=0, idle=DAY, cohort=HOUR, wait=DAY, retention=90 * DAY, again=SECOND)
NOW = hour(10_000)


class Bench:
    """An engine on a store: what it was sent after the last checkpoint is read again from the inbox."""

    def __init__(self, folder: str | Path, most: int = 100, expiration: int = 30 * DAY, joins: bool = True) -> None:
        self._folder, self._limits, self._joins = folder, Limits(expiration, most), joins
        self.telemetry = Telemetry()
        self._open()

    def _open(self) -> None:
        self.store = Store.open(self._folder, counter=self.telemetry)
        self._position, units = self.store.load()
        join = Join(self._limits, self.store.joined, self.store.joined_until(), self.telemetry) if self._joins else None
        self.engine = Engine(TIMING, Baselines({}), lambda _: Policy(), 1_000, self.telemetry, units, join)
        for number, kind, data in self.store.replay(self._position):
            self._apply(number, kind, data)

    def take(self, *requests: bytes) -> None:
        for data in requests:
            (number,) = self.store.append([(SignalKind.LOGS, data)])
            self._apply(number, SignalKind.LOGS, data)

    def checkpoint(self) -> None:
        self.store.checkpoint(self._position, self.engine.dirty(), [], self.engine.joined())
        self.engine.saved()

    def crash(self) -> None:
        self.store.close()
        self._open()

    def outcomes(self) -> dict[str, list[tuple[str, str]]]:
        """Predicted and true classes by version."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, data in self.engine.dirty().items():
            if name.startswith("[") and json.loads(name)[2] == "cohort" and data:
                self._pairs(name, data, found)
        for name, data in self.store.load()[1].items():
            if name.startswith("[") and json.loads(name)[2] == "cohort" and name not in self.engine.dirty():
                self._pairs(name, data, found)
        return {version: sorted(pairs) for version, pairs in sorted(found.items())}

    def count(self, name: str, reason: str = "") -> int:
        return sum(
            value
            for (counted, labels), value in self.telemetry.counts().items()
            if counted == name and (not reason or (semconv.REASON, reason) in labels)
        )

    def close(self) -> None:
        self.store.close()

    def _apply(self, number: int, kind: SignalKind, data: bytes) -> None:
        self.engine.apply(windowing.decode(kind, data, HOUR), NOW)
        self._position = number

    @staticmethod
    def _pairs(name: str, data: bytes, found: dict[str, list[tuple[str, str]]]) -> None:
        table = Cohort.load(json.loads(data)).table()
        kinds = [table.kinds[kind] for kind in table.kind.tolist()]
        found.setdefault(json.loads(name)[1], []).extend((str(kind.klass), str(kind.actual)) for kind in kinds)


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def predicted(key: str, klass: str = "1", at: int = hour(0), version: str = "7", **labels: Any) -> bytes:
    writer = Writer(version=version)
    return writer.logs(
        writer.event(
            semconv.EVENT_PREDICTION,
            at,
            **{
                semconv.PREDICTION_ID: key,
                semconv.PREDICTION_TIME: at,
                semconv.PREDICTION_CLASS: klass,
                semconv.PREDICTION_SCORE: 0.75,
                semconv.TASK_TYPE: "binary",
            },
            **labels,
        )
    )


def came(key: str, actual: float | str, at: int = hour(1), version: str = "") -> bytes:
    writer = Writer(version=version)
    return writer.logs(
        writer.event(semconv.EVENT_FEEDBACK, at, **{semconv.PREDICTION_ID: key, semconv.FEEDBACK_ACTUAL: actual})
    )


def test_an_outcome_meets_a_prediction_that_came_before_it(bench: Bench) -> None:
    bench.take(predicted("a"), came("a", 0.0))
    assert bench.outcomes() == {"7": [("1", "0")]}
    assert (bench.count(semconv.METRIC_JOIN_HITS), bench.count(semconv.METRIC_JOIN_MISSES)) == (1, 0)


def test_items_of_a_ranked_list_share_their_key_up_to_its_last_dash(bench: Bench) -> None:
    for key in ("query-1-a", "query-1-b", "query-2-a"):
        labels = {semconv.PREDICTION_ID: key, semconv.PREDICTION_TIME: hour(0), semconv.PREDICTION_SCORE: 0.75}
        bench.take(Writer().logs(Writer().event(semconv.EVENT_PREDICTION, hour(0), **labels, ml__task__type="ranking")))
        bench.checkpoint()
        bench.crash()
        bench.take(came(key, 1.0))
    (cohort,) = [json.loads(data) for name, data in bench.engine.dirty().items() if "cohort" in name and data]
    table = Cohort.load(cohort).table()
    assert np.unique(table.group, return_counts=True)[1].tolist() in ([1, 2], [2, 1])
    assert 0 not in table.group
    assert table.actual.tolist() == [1.0] * 3


def test_an_outcome_waits_for_a_prediction_that_comes_after_it(bench: Bench) -> None:
    bench.take(came("a", 1.0))
    assert bench.outcomes() == {}
    assert bench.count(semconv.METRIC_JOIN_HITS) == 0
    bench.checkpoint()
    bench.crash()
    bench.take(predicted("a"))
    assert bench.outcomes() == {"7": [("1", "1")]}
    assert bench.count(semconv.METRIC_JOIN_HITS) == 1


def test_what_comes_twice_counts_once(bench: Bench) -> None:
    bench.take(predicted("a"), predicted("a"), came("a", 1.0), came("a", 1.0), came("a", 1.0, at=hour(2)))
    assert bench.outcomes() == {"7": [("1", "1")]}
    assert bench.count(semconv.METRIC_PROCESSOR_ACCEPTED) == 2
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == 3


def test_a_later_outcome_takes_the_place_of_the_earlier_one_and_is_counted(bench: Bench) -> None:
    bench.take(predicted("a"), came("a", 1.0), came("a", 0.0, at=hour(30)), came("a", 1.0, at=hour(2)))
    assert bench.outcomes() == {"7": [("1", "0")]}
    assert bench.count(semconv.METRIC_PROCESSOR_REVISED) == 1
    assert bench.count(semconv.METRIC_PROCESSOR_DUPLICATE) == 1  # the last one was out of date when it came


def test_an_outcome_is_revised_while_it_waits(bench: Bench) -> None:
    bench.take(came("a", 1.0), came("a", 0.0, at=hour(2)), predicted("a"))
    assert bench.outcomes() == {"7": [("1", "0")]}
    assert bench.count(semconv.METRIC_PROCESSOR_REVISED) == 1


def test_an_outcome_without_a_version_is_that_of_all_versions_that_predicted(bench: Bench) -> None:
    bench.take(predicted("a", "1", version="7"), came("a", 1.0), predicted("a", "0", version="8"))
    assert bench.outcomes() == {"7": [("1", "1")], "8": [("0", "1")]}
    bench.take(came("a", 0.0, at=hour(2), version="8"))
    assert bench.outcomes() == {"7": [("1", "1")], "8": [("0", "0")]}


def test_a_key_names_one_prediction(bench: Bench) -> None:
    bench.take(predicted("a", "1"), predicted("a", "0", at=hour(5)), came("a", 1.0, at=hour(6)))
    assert bench.outcomes() == {"7": [("1", "1")]}
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED, "prediction_id_reused") == 1


def test_segments_ride_along(bench: Bench) -> None:
    bench.take(predicted("a", ml__segment__region="north"), came("a", 1.0))
    (cohort,) = bench.engine._models[next(iter(bench.engine._models))].cohorts.values()
    assert cohort.table().kinds[0].segments == (("region", "north"),)


@pytest.mark.parametrize(
    ("klass", "said", "actual"), [("0", 1.0, "1"), ("true", 0.0, "false"), ("late", "on time", "on time")]
)
def test_the_actual_is_spelled_as_the_predicted_classes_are(
    bench: Bench, klass: str, said: float | str, actual: str
) -> None:
    bench.take(predicted("a", klass), came("a", said))
    assert bench.outcomes() == {"7": [(klass, actual)]}


def test_keys_expire_and_those_that_waited_in_vain_are_misses(bench: Bench) -> None:
    bench.take(predicted("a"), came("b", 1.0), predicted("c", at=hour(20 * 24)))
    bench.checkpoint()
    assert bench.store.join_size() == 3
    bench.take(predicted("d", at=hour(40 * 24)), came("a", 1.0, at=hour(40 * 24)), predicted("old"))
    bench.checkpoint()
    assert bench.store.join_size() == 3  # c, d, and a, whose outcome waits again
    assert bench.count(semconv.METRIC_JOIN_EVICTED, "expired") == 1
    assert bench.count(semconv.METRIC_JOIN_MISSES) == 1
    assert bench.count(semconv.METRIC_PROCESSOR_LATE, "expired") == 1
    assert bench.count(semconv.METRIC_JOIN_HITS) == 0
    bench.take(came("c", 0.0, at=hour(41 * 24)))
    assert bench.outcomes() == {"7": [("1", "0")]}


def test_the_keys_that_came_first_make_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, most=2)
    bench.take(predicted("a"), came("b", 1.0), predicted("c"), predicted("d"))
    bench.checkpoint()
    assert bench.store.join_size() == 2
    assert bench.count(semconv.METRIC_JOIN_EVICTED, "full") == 2
    assert bench.count(semconv.METRIC_JOIN_MISSES) == 1
    bench.take(came("a", 1.0), came("c", 1.0), came("d", 0.0))
    assert bench.outcomes() == {"7": [("1", "0"), ("1", "1")]}
    bench.close()


def test_without_a_join_both_halves_are_dropped_and_said_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, joins=False)
    bench.take(predicted("a"), came("a", 1.0), came("b", 1.0))
    assert bench.outcomes() == {}
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED, "join_disabled") == 3
    assert [record.getMessage() for record in caplog.records] == [
        "outcomes by prediction id are dropped: set labels.join.enabled to join them"
    ]
    bench.close()


def test_only_a_digest_of_the_key_is_stored(bench: Bench, tmp_path: Path) -> None:
    bench.take(predicted("ada.lovelace@example.org"), came("ada.lovelace@example.org", 1.0))
    bench.checkpoint()
    rows = bench.store._connection.execute("SELECT key, model, data FROM joins").fetchall()
    assert len(rows) == 1
    assert b"lovelace" not in rows[0][2]


def test_scores_of_every_class_meet_their_outcome_over_a_crash(bench: Bench) -> None:
    scores = {semconv.PREDICTION_CLASS_SCORES: [0.25, 0.75], semconv.PREDICTION_CLASS_SET: "28593b31"}
    bench.take(predicted("a", "car", **scores))
    bench.checkpoint()
    bench.crash()
    bench.take(predicted("a", "car", **scores), came("a", "car"))  # the same prediction once more is no other one
    (cohort,) = [json.loads(data) for name, data in bench.engine.dirty().items() if "cohort" in name and data]
    table = Cohort.load(cohort).table()
    assert (table.kinds[0].class_set, from_codes(table.codes).tolist()) == ("28593b31", [[0.25, 0.75]])
    assert bench.count(semconv.METRIC_PROCESSOR_DROPPED) == 0


def test_a_prediction_that_is_no_number_is_rejected_where_it_is_read() -> None:
    writer = Writer()
    wrong = writer.event(
        semconv.EVENT_PREDICTION,
        hour(0),
        **{semconv.PREDICTION_ID: "a", semconv.PREDICTION_TIME: hour(0), semconv.PREDICTION_SCORE: float("nan")},
    )
    decoded = windowing.decode(SignalKind.LOGS, writer.logs(wrong), HOUR)
    assert (decoded.rejected, decoded.made) == (1, {})
    assert "score is nan" in decoded.reason


KEYS, VERSIONS = ("a", "b"), ("7", "8")
halves = st.one_of(
    st.builds(lambda key, version: predicted(key, version=version), st.sampled_from(KEYS), st.sampled_from(VERSIONS)),
    st.builds(
        lambda key, version, actual, at: came(key, actual, hour(at), version),
        st.sampled_from(KEYS),
        st.sampled_from(("", *VERSIONS)),
        st.sampled_from((0.0, 1.0)),
        st.integers(1, 4),
    ),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(halves, max_size=8), st.data())
def test_order_repeats_checkpoints_and_crashes_make_no_difference(sent: Sequence[bytes], data: st.DataObject) -> None:
    with (
        tempfile.TemporaryDirectory() as calm,
        tempfile.TemporaryDirectory() as rough,
        closing(Bench(calm)) as expected,
        closing(Bench(rough)) as bench,
    ):
        expected.take(*sent)
        repeated = data.draw(st.permutations([*sent, *sent[: data.draw(st.integers(0, len(sent)))]]))
        for request in repeated:
            bench.take(request)
            for act in data.draw(st.sampled_from([(), (bench.checkpoint,), (bench.crash,)])):
                act()
        assert bench.outcomes() == expected.outcomes()


def test_every_order_of_four_halves_gives_the_same(tmp_path: Path) -> None:
    sent = [predicted("a", "1"), predicted("a", "0", version="8"), came("a", 1.0), came("a", 0.0, hour(2), "8")]
    for number, order in enumerate(itertools.permutations(sent)):
        bench = Bench(tmp_path / str(number))
        bench.take(*order)
        assert bench.outcomes() == {"7": [("1", "1")], "8": [("0", "0")]}
        bench.close()
