"""Prometheus as the documents start and configure it, behind the collector as the README configures it."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.processes import Child, Processor, free_endpoint, wait_until
from tests.end_to_end.scenario import application, configuration, write_baseline
from tests.end_to_end.sink import Client
from tests.interop.collector import Collector
from tests.interop.printed import moved, the_collectors, the_prometheus
from tests.workloads import CreditHistory

pytestmark = pytest.mark.interop

HISTORY = CreditHistory(hours=12, rows_per_hour=100, shift_hour=6)
MINUTE = 60 * 10**9


@contextmanager
def running(folder: Path, where: Path, endpoint: str) -> Iterator[None]:
    """Prometheus by the printed command and configuration, at an address of our own."""
    config, arguments = the_prometheus()
    (folder / "prometheus.yml").write_text(config)
    command = [argument.replace("=prometheus.yml", f"={folder / 'prometheus.yml'}") for argument in arguments]
    ours = [f"--web.listen-address={endpoint}", f"--storage.tsdb.path={folder / 'prometheus'}"]
    with Child([str(where / "prometheus"), *command, *ours], folder / "prometheus.log") as child:
        wait_until(lambda: answers(f"http://{endpoint}/-/ready") or not child.running, "Prometheus is ready")
        assert child.running, child.output
        yield


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(endpoint: str, what: str, **arguments: str) -> list[dict[str, Any]]:
    url = f"http://{endpoint}/api/v1/{what}?{urllib.parse.urlencode(arguments)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        data = json.load(answer)["data"]
    found: list[dict[str, Any]] = data["result"] if isinstance(data, dict) else data
    return found


def value(endpoint: str, query: str) -> float | None:
    found = ask(endpoint, "query", query=query)
    return float(found[0]["value"][1]) if found else None


def test_signals_arrive_with_their_traces_and_also_when_they_are_late(
    otelcol: Path, prometheus: Path, tmp_path: Path
) -> None:
    baseline = write_baseline(HISTORY, tmp_path)
    receiver, signals, web = (free_endpoint() for _ in range(3))
    (tmp_path / "collector.yaml").write_text(
        moved(
            the_collectors(),
            {
                "/var/lib/otelcol/queue": str(tmp_path / "queue"),
                "{endpoint: 0.0.0.0:4317}": f"{{endpoint: {free_endpoint()}}}",
                "0.0.0.0:4318": free_endpoint(),
                "0.0.0.0:14317": signals,
                "tidegauge:4317": free_endpoint(),
                "jaeger:4317": free_endpoint(),
                "prometheus:9090": web,
                "loki:3100": free_endpoint(),
            },
        )
    )
    live = configuration(receiver, signals, tmp_path) | {"replay": False}
    with (
        running(tmp_path, prometheus, web),
        Collector(otelcol, tmp_path / "collector.yaml", tmp_path, [signals]),
        Processor(live, tmp_path),
    ):
        with application(HISTORY, baseline, receiver, tmp_path) as app:
            assert app.wait() == 0, app.output
        wait_until(lambda: value(web, "ml_window_samples_total") == len(HISTORY.rows), "all rows are in Prometheus")
        wait_until(lambda: traces(web), "the way to the traces of the incident is there")
        late(signals, web)


def traces(web: str) -> set[str]:
    """Trace ids that lead from the incidents to their calls."""
    now = time.time()
    found = ask(web, "query_exemplars", query="ml_incidents_total", start=str(now - 400 * 86_400), end=str(now + 60))
    return {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}


def late(signals: str, web: str) -> None:
    """What waited for an outage to end comes after what is newer."""
    now = time.time_ns()
    client = Client(signals)
    for age in (0, 20):
        assert client.send(gauge("late", age, now - age * MINUTE))
        wait_until(lambda age=age: newest(web, age, now) == age, f"the point of {age} minutes ago is there")
    client.close()


def newest(web: str, age: int, now: int) -> float | None:
    found = ask(web, "query", query="late", time=str((now - age * MINUTE) / 1e9 + 1))
    return float(found[0]["value"][1]) if found else None


def gauge(name: str, number: float, at: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.gauge.data_points.add(as_double=number, time_unix_nano=at)
    return request
