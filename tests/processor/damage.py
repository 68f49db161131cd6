"""A state as a killed processor leaves it, what is done to its files, and what comes out when it is used again."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.leaves import leaves, multiset
from tests.end_to_end.processes import Processor, free_endpoint, wait_until
from tests.end_to_end.sink import Client, Request, Sink
from tests.processor.models import baseline, flush, hour, rows
from tests.processor.requests import HOUR, SECOND, Writer
from tidegauge import semconv
from tidegauge_processor.config import Config
from tidegauge_processor.parts import PREFIX
from tidegauge_processor.service import Service
from tidegauge_processor.state import closed
from tidegauge_processor.state.database import FILE_NAME
from tidegauge_processor.state.store import Store

WRITERS = (
    Writer(baseline=baseline().id),
    Writer(instance="writer-2", model="churn", version="1"),
    Writer(instance="writer-3", model="fraud", version="2024-05"),
)
NOW = hour(100)


class Output(NamedTuple):
    """What came out of a state.

    Attributes:
        said: signals, each as often as it came.
        units: the state at the end.
        lost: what was counted as lost, by reason and table.
    """

    said: Counter[bytes]
    units: dict[str, Any]
    lost: dict[str, int]


def settings(folder: Path, receiver: str, exporter: str) -> dict[str, Any]:
    return {
        "receiver": {"endpoint": receiver},
        "exporter": {"endpoint": exporter},
        "storage": {"directory": str(folder), "checkpoint_interval": "1h"},
        "windows": {"allowed_lateness": "0s"},
        "labels": {"join": {"enabled": True}},
        "metrics_flush_interval": "1h",
        "replay": True,
    }


def killed(folder: Path) -> None:
    """Let a processor run with its state in ``folder``, and kill it: no back end has ever answered it."""
    receiver = free_endpoint()
    with Processor(settings(folder, receiver, free_endpoint()), folder.parent) as processor:
        with sending(receiver) as send:
            send(*_published(), *_hours(0, 2), *_halves(0))
            wait_until(lambda: _checkpoints(folder) > 0, "the first window is stored")
            known = _checkpoints(folder)
            send(*_hours(2, 1))
            wait_until(lambda: _checkpoints(folder) > known, "the second window is stored, and all before it")
            time.sleep(1)  # nothing closes any more: what comes now stays in the inbox
            send(*_rest_of_hour(3), *_halves(1))
        processor.kill()


def used(folder: Path) -> Output:
    """Use a state as a processor does: start on it, take and judge more, stop; and start and stop once more."""
    with Sink() as sink:
        for requests in ([*_hours(4, 3), *_halves(2)], []):
            service = Service(Config.model_validate(settings(folder, "127.0.0.1:0", sink.endpoint)), lambda: NOW)
            with sending(f"127.0.0.1:{service.start()}") as send:
                send(*requests)
            service.stop()
        found = sink.requests
    lost: dict[str, int] = {}
    for leaf in leaves(found, semconv.METRIC_STORE_REBUILT):
        series = " ".join(leaf.attributes.values())
        lost[series] = max(leaf.data.as_int, lost.get(series, 0))
    with closing(Store.open(folder)) as store:
        return Output(multiset(filter(_is_signal, found)), _comparable(store.load()[1]), lost)


def folded(folder: Path) -> None:
    """Have SQLite write the log into the file, as it does now and then."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def flip(folder: Path, chance: random.Random) -> str:
    """Flip one bit somewhere in the files of the state; says where."""
    files = _files(folder)
    (path,) = chance.choices(files, [path.stat().st_size for path in files])
    place, bit = chance.randrange(path.stat().st_size), chance.randrange(8)
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))
    return f"bit {bit} of byte {place} of {path.name}"


def truncate(folder: Path, chance: random.Random) -> str:
    """Cut one file of the state short, now and then to nothing or altogether; says where."""
    path = chance.choice(_files(folder))
    how = chance.random()
    if how < 0.1:
        path.unlink()
        return f"{path.name} removed"
    size = 0 if how < 0.2 else chance.randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(size)
    return f"{path.name} cut to {size} bytes"


def copied(state: Path, folder: Path) -> Path:
    shutil.copytree(state, folder)
    return folder


@contextmanager
def sending(endpoint: str) -> Iterator[Any]:
    client = Client(endpoint)

    def send(*requests: Request) -> None:
        for request in requests:
            assert client.send(request)

    try:
        yield send
    finally:
        client.close()


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / FILE_NAME, folder / f"{FILE_NAME}-wal") if path.exists()]


def _checkpoints(folder: Path) -> int:
    path = folder / "tidegauge.marks"
    return int(path.read_bytes().split()[1]) if path.exists() else 0


def _comparable(units: dict[str, bytes]) -> dict[str, Any]:
    """The state but for what depends on when the processor happened to look."""
    plain = {key: data if _is_binary(key, data) else json.loads(data) for key, data in units.items()}
    return {key: {**unit, "learned_until": None} if isinstance(unit, dict) else unit for key, unit in plain.items()}


def _is_binary(key: str, data: bytes) -> bool:
    return key.startswith(PREFIX) or data.startswith(closed.FORMAT.encode())


def _is_signal(request: Request) -> bool:
    return not any(leaf.name.startswith("tidegauge.") for leaf in leaves([request]))


def _hours(first: int, number: int) -> Iterator[Request]:
    for place in range(first, first + number):
        for seed, writer in enumerate(WRITERS):
            df = rows(200, seed=10 * place + seed, shift=0.5 * (place > 1))
            yield ExportMetricsServiceRequest.FromString(flush(df, hour(place), writer))


def _rest_of_hour(place: int) -> Iterator[Request]:
    """What moves no window on."""
    for seed, writer in enumerate(WRITERS):
        df = rows(50, seed=500 + seed)
        yield ExportMetricsServiceRequest.FromString(flush(df, hour(place) - HOUR + 600 * SECOND, writer))


def _published() -> Iterator[Request]:
    body = gzip.compress(baseline().to_bytes(), mtime=0)
    half = len(body) // 2
    for id, parts in ((baseline().id, [body[:half], body[half:]]), ("0" * 32, [body[:half]])):
        for part, cut in enumerate(parts):
            labels = {semconv.BASELINE_ID: id, semconv.BASELINE_PART: part, semconv.BASELINE_PARTS: 2}
            yield _logs(WRITERS[0], WRITERS[0].event(semconv.EVENT_BASELINE_PUBLISHED, hour(0), cut, **labels))


def _halves(part: int) -> Iterator[Request]:
    """Predictions by key, each beside the outcome of an earlier one."""
    for place, writer in enumerate(WRITERS):
        records = []
        for key in range(60 * part + place, 60 * part + 60, len(WRITERS)):
            made = {
                semconv.PREDICTION_ID: f"order-{key}",
                semconv.PREDICTION_TIME: hour(part),
                semconv.PREDICTION_CLASS: str(key % 2),
                semconv.PREDICTION_SCORE: 0.25 + key % 2 / 2,
                semconv.TASK_TYPE: "binary",
            }
            said = {semconv.PREDICTION_ID: f"order-{key - 30}", semconv.FEEDBACK_ACTUAL: float(key % 3 == 0)}
            records.append(writer.event(semconv.EVENT_PREDICTION, hour(part), **made))
            records.append(writer.event(semconv.EVENT_FEEDBACK, hour(part) + key, **said))
        yield _logs(writer, *records)


def _logs(writer: Writer, *records: Any) -> Request:
    return ExportLogsServiceRequest.FromString(writer.logs(*records))
