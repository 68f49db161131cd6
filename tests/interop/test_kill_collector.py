"""`kill -9` of the collector under load: what it acknowledged is counted, and counted once.

The configuration is the README's, with other addresses. The application is killed by nobody: its SDK sends a batch
until the collector has acknowledged it. The collector acknowledges what lies in its queue on disk. Between the two
nothing can be lost, and what comes twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.end_to_end.expectations import check_accuracy, check_counts
from tests.end_to_end.leaves import leaves, multiset
from tests.end_to_end.processes import Processor, free_endpoint, wait_until
from tests.end_to_end.scenario import application, configuration, finished, write_baseline
from tests.end_to_end.sink import ExportLogsServiceRequest, ExportMetricsServiceRequest, Request, Sink, only
from tests.interop.collector import Collector
from tests.interop.printed import moved, the_collectors
from tests.workloads import CreditHistory
from tidegauge import Baseline, semconv

pytestmark = pytest.mark.interop

HISTORY = CreditHistory(hours=12, rows_per_hour=100, shift_hour=6)


def test_nothing_that_was_acknowledged_is_lost_or_counted_twice(otelcol: Path, tmp_path: Path) -> None:
    baseline = write_baseline(HISTORY, tmp_path)
    receiver, endpoint = free_endpoint(), free_endpoint()
    config = tmp_path / "collector.yaml"
    with (
        Sink() as sink,
        Sink() as traces,
        Processor(configuration(endpoint, sink.endpoint, tmp_path, patience="24h"), tmp_path),
        Sink(forward=endpoint, pause=0.3) as tapped,
    ):
        places = {
            "/var/lib/otelcol/queue": str(tmp_path / "queue"),
            "{endpoint: 0.0.0.0:4317}": f"{{endpoint: {receiver}}}",
            "0.0.0.0:4318": free_endpoint(),
            "0.0.0.0:14317": free_endpoint(),
            "tidegauge:4317": tapped.endpoint,
            "jaeger:4317": traces.endpoint,
        }
        config.write_text(moved(the_collectors(), places))
        with Collector(otelcol, config, tmp_path, [receiver]) as collector:
            with application(HISTORY, baseline, receiver, tmp_path, part="history", pause=0.01) as app:
                for hour in (2, 5, 9):
                    wait_until(
                        lambda hour=hour: f"hour {hour}\n" in app.output or not app.running, f"hour {hour} is replayed"
                    )
                    assert app.running, app.output
                    if hour == 5:  # it has been sent, and the answer is on its way
                        known = len(tapped.requests)
                        tapped.wait(lambda requests, known=known: len(requests) > known, "the hour is sent")
                    collector.kill_and_restart()  # else it has just been acknowledged, and lies in the queue
                assert app.wait() == 0, app.output
            tapped.wait(lambda requests: _rows(requests) == len(HISTORY.rows), "every row has arrived")
            tapped.wait(lambda requests: _outcomes(requests) == len(HISTORY.outcomes), "every outcome has arrived")
            with application(HISTORY, baseline, receiver, tmp_path, part="closing") as app:
                assert app.wait() == 0, app.output
            sink.wait(lambda requests: finished(requests, HISTORY), "the last hour is judged")
    assert max(multiset(only(ExportMetricsServiceRequest, tapped.requests)).values()) > 1  # some came twice
    check_counts(sink.requests, HISTORY, Baseline.load(baseline))
    check_accuracy(sink.requests, HISTORY)


def _rows(requests: Iterable[Request]) -> int:
    """Rows predicted, each interval of a stream once."""
    points = {
        (*sorted(leaf.attributes.items()), leaf.data.start_time_unix_nano): leaf.data.as_int
        for leaf in leaves(requests, semconv.METRIC_PREDICTIONS)
    }
    return sum(points.values())


def _outcomes(requests: Iterable[Request]) -> int:
    """Outcomes recorded, each prediction's once."""
    events = (leaf for leaf in leaves(only(ExportLogsServiceRequest, requests)) if leaf.name == semconv.EVENT_FEEDBACK)
    return len({leaf.attributes[semconv.PREDICTION_ID] for leaf in events})
