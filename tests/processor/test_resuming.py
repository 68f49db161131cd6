"""A state that holds its checksums and cannot be read, or not in full: set aside piece by piece, and no crash loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.end_to_end.leaves import leaves
from tests.end_to_end.sink import Client, Sink
from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import SECOND, Writer
from tests.processor.test_join import came, predicted
from tests.processor.test_service import Clock, config, send, serving
from tidegauge import semconv
from tidegauge_processor.config import Config
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.service import Service
from tidegauge_processor.state.database import FILE_NAME
from tidegauge_processor.state.join import Change, Changes
from tidegauge_processor.state.store import Store

MEMORY = '["credit-risk", "7", "memory", 0]'
WINDOW = f'["credit-risk", "7", "window", {hour(1)}]'


def lost(found: Any) -> dict[str, int]:
    """What was counted as lost, by reason and table."""
    counted: dict[str, int] = {}
    for leaf in leaves(found, semconv.METRIC_STORE_REBUILT):
        series = f"{leaf.attributes[semconv.REASON]} {leaf.attributes.get(semconv.TABLE, '')}".strip()
        counted[series] = max(leaf.data.as_int, counted.get(series, 0))
    return counted


def a_day(folder: Path, **more: Any) -> Config:
    """A state with a closed window and an open one."""
    settings = config(folder, **more)
    with serving(settings, Clock(hour(1) + SECOND)) as client:
        send(client, flush(rows(400, 1), hour(0)), flush(rows(9, 2), hour(1), length=SECOND))
    return settings


def resumed(settings: Config, folder: Path, end: int = 2) -> tuple[dict[str, int], dict[int, int]]:
    """What was lost at the next start, and rows by the end of the windows, when one more window has come."""
    clock = Clock(hour(1) + 120 * SECOND)
    with Sink() as sink:
        more = config(folder, sink.endpoint, labels={"join": {"enabled": True}})
        with serving(more, clock) as client:
            send(client, flush(rows(50, 3), hour(1) + 60 * SECOND, length=SECOND), flush(rows(1, 2), hour(end)))
            clock.now = hour(end) + 700 * SECOND
            before = len(sink.requests)
            sink.wait(lambda found: len(found) > before + 2, "it has looked what is due")
            clock.now += 1_000 * SECOND  # a memory that was lost knows nothing of rows that came: they are waited for
            samples = semconv.METRIC_WINDOW_SAMPLES
            another = lambda found: any(leaf.data.as_int != 400 for leaf in leaves(found, samples))  # noqa: E731
            sink.wait(another, "a window is judged that was open")
        counted = {leaf.data.time_unix_nano: leaf.data.as_int for leaf in leaves(sink.requests, samples)}
    return lost(sink.requests), counted


def change(folder: Path, work: Callable[[Store], object]) -> None:
    with closing(Store.open(folder / "state")) as store:
        work(store)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (MEMORY, b'{"format": "tidegauge.memory/1"}'),
        (MEMORY, b"\xff not even text"),
        (WINDOW, b"{}"),
        ('["credit-risk", "7", "cohort", 0]', b"[1]"),
        ('["credit-risk", "7", "learning", 9]', b"7"),
        ('["credit-risk", "7", "something new", 0]', b"{}"),
        ("a name of another kind", b"{}"),
        ('["only two", "parts"]', b"{}"),
        ("lengths", b"[]"),
        ('baseline part ["a", 0, 2]', b"x"),
    ],
)
def test_a_unit_that_cannot_be_read_is_set_aside_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, key: str, data: bytes
) -> None:
    settings = a_day(tmp_path)
    change(tmp_path, lambda store: store.checkpoint(store.load()[0], {key: data}, []))
    found, counted = resumed(settings, tmp_path)
    assert found == {"unreadable units": 1}
    (line,) = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert line.startswith(f"the unit {key} is set aside, the rest goes on: it ")
    # What the memory lost begins anew; a window that was lost lost its rows; and all else is as it was.
    assert max(counted.values()) == {MEMORY: 59, WINDOW: 450}.get(key, 459)
    assert resumed(settings, tmp_path, end=3)[0] == {}


def test_what_is_no_baseline_and_no_request_is_set_aside(tmp_path: Path) -> None:
    settings = a_day(tmp_path)

    def spoil(store: Store) -> None:
        store.save_baseline("ab" * 16, b"not a baseline")
        store.append([(SignalKind.METRICS, b"\xff\xff not protobuf")])

    change(tmp_path, spoil)
    found, counted = resumed(settings, tmp_path)
    assert found == {"unreadable baselines": 1, "unreadable inbox": 1}
    assert max(counted.values()) == 459
    assert resumed(settings, tmp_path, end=3)[0] == {}


def test_a_half_of_an_outcome_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    settings = a_day(tmp_path, labels={"join": {"enabled": True}})
    with serving(settings, Clock(hour(1) + SECOND)) as client:
        for half in (predicted("a"), predicted("b")):
            client.send(_logs(half))

    def spoil(store: Store) -> None:
        (key, *rest) = store._connection.execute("SELECT key, model, touched, waiting FROM joins LIMIT 1").fetchone()
        changes = Changes([Change(key, False, *rest, b"[1, 2]")], {}, 100)
        store.checkpoint(store.load()[0], {}, [], changes)

    change(tmp_path, spoil)
    with Sink() as sink:
        with serving(config(tmp_path, sink.endpoint, labels={"join": {"enabled": True}}), Clock(hour(2))) as client:
            for half in (came("a", 1.0), came("b", 1.0)):
                client.send(_logs(half))
        hits = max(leaf.data.as_int for leaf in leaves(sink.requests, semconv.METRIC_JOIN_HITS))
    assert (lost(sink.requests), hits) == ({"unreadable joins": 1}, 1)


def test_a_cohort_that_is_gone_is_not_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else the labels of no model would be judged any more."""
    settings = a_day(tmp_path)
    with serving(settings, Clock(hour(1) + SECOND)) as client:
        client.send(_logs(_outcome()))
    cohorts: list[str] = []

    def remove(store: Store) -> None:
        position, units = store.load()
        cohorts.extend(key for key in units if "cohort" in key)
        store.checkpoint(position, dict.fromkeys(cohorts), [])

    change(tmp_path, remove)
    assert len(cohorts) == 1
    caplog.clear()
    with Sink() as sink:
        with serving(config(tmp_path, sink.endpoint), Clock(hour(2_000))) as client:
            send(client, flush(rows(1, 2), hour(1_999)))
        failed = list(leaves(sink.requests, semconv.METRIC_PROCESSOR_FAILED))
    assert failed == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_damage_of_the_file_in_use_costs_nothing_that_is_in_memory(tmp_path: Path) -> None:
    settings = a_day(tmp_path)
    clock = Clock(hour(1) + 120 * SECOND)
    service = Service(settings, clock)
    connection = service._store._connection
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'units'").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA shrink_memory")
    with (tmp_path / "state" / FILE_NAME).open("r+b") as file:
        file.seek((page - 1) * 16_384)
        file.write(bytes(16_384))
    client = Client(f"127.0.0.1:{service.start()}")
    send(client, flush(rows(50, 3), hour(1) + 60 * SECOND, length=SECOND))
    client.close()
    service.stop()
    assert (tmp_path / "state" / f"{FILE_NAME}.damaged-1").exists()
    found, counted = resumed(settings, tmp_path)
    assert (found, max(counted.values())) == ({}, 459)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("0b4ff3a5-6b4f-4f0a-9d3a-0a62c1a3f0ae", True),
        ("0b4ff3a5-6b4f-4f0a-9d3a-0a62c1a3f0ae 0123456789abcdef\n", False),
        ("0b4ff3a5-6b4f-4f0a-9d3a", False),
        ("", False),
        ("\udcff\udcfe", False),
    ],
)
def test_an_id_that_is_damaged_is_replaced_and_said(tmp_path: Path, content: str, kept: bool) -> None:
    settings = a_day(tmp_path)
    path = tmp_path / "state" / "instance-id"
    path.write_text(content, errors="surrogateescape")
    found, _ = resumed(settings, tmp_path)
    assert found == ({} if kept else {"checksum instance-id": 1})
    instance, _ = path.read_text().split()
    assert (instance == content) == kept
    assert resumed(settings, tmp_path, end=3)[0] == {}
    assert path.read_text().split()[0] == instance


def _logs(data: bytes) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest.FromString(data)


def _outcome() -> bytes:
    writer = Writer(baseline=baseline().id)
    labels = {
        semconv.PREDICTION_ID: "a",
        semconv.PREDICTION_TIME: hour(0),
        semconv.PREDICTION_SCORE: 0.75,
        semconv.PREDICTION_CLASS: "1",
        semconv.FEEDBACK_ACTUAL: "1",
    }
    return writer.logs(writer.event(semconv.EVENT_FEEDBACK, hour(0) + SECOND, **labels))
