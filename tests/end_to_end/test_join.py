"""Outcomes from one process to another, by prediction id or by receipt, past a processor that is killed in between."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tests.end_to_end import receipts, ways
from tests.end_to_end.keys import MODEL, VERSION
from tests.end_to_end.leaves import leaves
from tests.end_to_end.processes import PATIENCE, Child, Processor, free_endpoint
from tests.end_to_end.scenario import configuration
from tests.end_to_end.sink import Request, Sink
from tests.workloads import HOUR, MONDAY
from tidegauge import semconv

pytestmark = pytest.mark.end_to_end

DAY = 24 * 3600


def tell(endpoint: str, folder: Path, at: int, **what: Any) -> None:
    """Run the application once, ``at`` seconds into the history, and wait until all of it is acknowledged."""
    run(endpoint, folder, "keys", f"--at={at}", *(f"--{name}={json.dumps(value)}" for name, value in what.items()))


def run(endpoint: str, folder: Path, application: str, *options: str) -> None:
    with Child(
        [sys.executable, "-m", f"tests.end_to_end.{application}", *options],
        folder / "application.log",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{endpoint}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_TRACES_SAMPLER="always_off",
        TIDEGAUGE_PREDICTION_EVENTS="true",
        TIDEGAUGE_SHUTDOWN_TIMEOUT=str(PATIENCE),
    ) as app:
        assert app.wait() == 0, app.output


def latest(requests: list[Request], name: str, **attributes: str) -> float | None:
    found = [leaf for leaf in leaves(requests) if leaf.name == name and attributes.items() <= leaf.attributes.items()]
    return (found[-1].data.as_int or found[-1].data.as_double) if found else None


def test_outcomes_before_after_repeated_and_revised_count_once_over_a_kill(tmp_path: Path) -> None:
    orders = [f"order-{number}" for number in range(60)]
    scores = {order: 0.25 if number % 3 else 0.75 for number, order in enumerate(orders)}
    truth = {order: number % 2 for number, order in enumerate(orders)}
    receiver = free_endpoint()
    with Sink() as sink:
        config = configuration(receiver, sink.endpoint, tmp_path)
        config["labels"] = {"window": "1h", "wait": f"{20 * 24}h", "join": {"enabled": True}}
        first = [[order, truth[order]] for order in orders[:20]]
        with Processor(config, tmp_path):
            tell(receiver, tmp_path, 1800, outcomes=first)  # told before the predictions are known
            tell(receiver, tmp_path, 1800, predictions=scores)
        for order in orders[10:15]:  # what was told of these was wrong
            truth[order] = 1 - truth[order]
        late = [[order, truth[order]] for order in [*orders[:15], *orders[20:]]]
        with Processor(config, tmp_path) as second:  # the first one was killed
            tell(receiver, tmp_path, 21 * DAY, outcomes=late)
            ways.baseline().save(tmp_path / "ways.baseline.json")  # another model, of several classes, by receipt
            run(receiver, tmp_path, "ways", f"--baseline={tmp_path / 'ways.baseline.json'}", f"--at={21 * DAY}")
            parcels = f"--file={tmp_path / 'receipts.json'}"
            run(receiver, tmp_path, "receipts", "--at=1800", parcels, "--scores=[0.75, 0.25, 0.75, 0.25]")
            run(receiver, tmp_path, "receipts", f"--at={21 * DAY}", parcels, "--outcomes=[1, 1, 0, 0]")
            assert second.stop() == 0, second.output  # at its end it says where all counts stand
    found = sink.requests
    identity = {semconv.MODEL_NAME: MODEL, semconv.MODEL_VERSION: VERSION}
    accuracy = identity | {semconv.EVALUATION_NAME: "accuracy", semconv.EVALUATION_TYPE: "realized"}
    right = sum((scores[order] >= 0.5) == truth[order] for order in orders)
    assert latest(found, semconv.METRIC_EVALUATION_LABELS, **accuracy) == 60
    assert latest(found, semconv.METRIC_EVALUATION_SCORE, **accuracy) == right / 60
    said = [
        leaf
        for leaf in leaves(found, semconv.METRIC_EVALUATION_SCORE)
        if accuracy.items() <= leaf.attributes.items() and semconv.SEGMENT_NAME not in leaf.attributes
    ]
    (point,) = said
    assert point.data.time_unix_nano == MONDAY + HOUR
    assert latest(found, semconv.METRIC_JOIN_SIZE) == 60
    assert latest(found, semconv.METRIC_PROCESSOR_DUPLICATE) == 10
    assert latest(found, semconv.METRIC_PROCESSOR_REVISED) == 5
    assert latest(found, semconv.METRIC_JOIN_MISSES) is None
    check_scores_of_every_class(found)
    check_what_came_by_receipt_alone(found)


def check_what_came_by_receipt_alone(found: list[Request]) -> None:
    """Assert that it was measured: no process that tells it has heard of the model, and there is no baseline."""
    identity = {semconv.MODEL_NAME: receipts.MODEL, semconv.MODEL_VERSION: receipts.VERSION}
    for name, value in {"accuracy": 0.5, "brier": (0.0625 + 0.5625) / 2, "mean_label": 0.5}.items():
        realized = identity | {semconv.EVALUATION_NAME: name, semconv.EVALUATION_TYPE: "realized"}
        assert latest(found, semconv.METRIC_EVALUATION_LABELS, **realized) == 4
        assert latest(found, semconv.METRIC_EVALUATION_SCORE, **realized) == pytest.approx(value)


def check_scores_of_every_class(found: list[Request]) -> None:
    """Assert that what needs the score of every class was measured, on the labels that came by receipt."""
    rows = ways.trips(ways.ROWS, seed=2)
    scores, truth = rows[list(ways.CLASSES)].to_numpy(), rows["was"].to_numpy()
    expected = {
        "roc_auc": metrics.roc_auc_score(truth, scores, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(truth[:, None] == np.array(ways.CLASSES), scores),
        "log_loss": metrics.log_loss(truth, scores),
        "brier": metrics.brier_score_loss(truth, scores),
    }
    said: dict[tuple[str, str], list[float]] = {}
    for leaf in leaves(found, semconv.METRIC_EVALUATION_SCORE):
        whole = semconv.EVALUATION_CLASS not in leaf.attributes
        if leaf.attributes[semconv.MODEL_NAME] == ways.MODEL and whole:
            of = leaf.attributes[semconv.EVALUATION_NAME], leaf.attributes[semconv.EVALUATION_TYPE]
            said.setdefault(of, []).append(leaf.data.as_double)
    assert {name: said[name, "realized"][-1] for name in expected} == pytest.approx(expected, abs=1e-3)
