"""The scene of the end-to-end tests: a baseline on disk, an application that replays history, a configuration."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tests.end_to_end.leaves import gauge
from tests.end_to_end.processes import PATIENCE, Child, Processor, free_endpoint, serving
from tests.end_to_end.sink import Request, Sink
from tests.workloads import FEATURES, HOUR, MODEL, SECOND, VERSION, CreditHistory
from tidegauge import Baseline, semconv


def write_baseline(history: CreditHistory, folder: Path) -> Path:
    """Fit a baseline for the history's model and save it in ``folder``."""
    path = folder / "credit-risk-7.baseline.json"
    fitted = Baseline.fit(
        history.reference(),
        model=MODEL,
        version=VERSION,
        task="binary",
        features=FEATURES,
        score="score",
        prediction="predicted",
        label="actual",
    )
    fitted.save(path)
    return path


def application(
    history: CreditHistory,
    baseline: Path | None,
    endpoint: str,
    folder: Path,
    *,
    pause: float = 0.0,
    part: str = "all",
    **environment: str,
) -> Child:
    """Start the application that replays ``history`` and sends its telemetry to ``endpoint``.

    It rests for ``pause`` seconds before each call, so that a test finds it at work. ``part`` is ``"history"``,
    ``"closing"`` (what moves event time past it) or both.
    """
    options = ["--history", json.dumps(asdict(history)), "--pause", str(pause), "--part", part]
    if baseline is not None:
        options += ["--baseline", str(baseline)]
    return Child(
        [sys.executable, "-m", "tests.end_to_end.application", *options],
        folder / "application.log",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{endpoint}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_SERVICE_NAME="loan-office",
        TIDEGAUGE_EXPORT_INTERVAL="600",
        TIDEGAUGE_SHUTDOWN_TIMEOUT=str(PATIENCE),
        **environment,
    )


def configuration(receiver: str, exporter: str, folder: Path, patience: str | None = None) -> dict[str, Any]:
    """A processor's configuration for replayed history, with its state in ``folder``.

    Windows and outcomes wait for each other for ``patience``; for as long as the history itself asks when left out.
    """
    return {
        "receiver": {"endpoint": receiver},
        "exporter": {"endpoint": exporter},
        "storage": {"directory": str(folder / "state")},
        # Only event time closes windows here: a slow machine is not a silent one.
        "windows": {"duration": "1h", "allowed_lateness": patience or "6h", "idle_timeout": "1h"},
        "labels": {"window": "1h", "wait": patience or "9h"},
        "metrics_flush_interval": "1s",
        "replay": True,
    }


class Observed(NamedTuple):
    """A day as the processor was told of it, and as the back end was.

    Attributes:
        sent: by the application, and acknowledged by the processor.
        requests: by the processor, to the back end.
        served: whether its health service answered while it ran.
        exit_code: of the processor, after SIGTERM.
        output: what the processor printed.
    """

    sent: list[Request]
    requests: list[Request]
    served: bool
    exit_code: int
    output: str


def finished(requests: Iterable[Request], history: CreditHistory) -> bool:
    """Whether the last hour of the history has been judged and its outcomes evaluated."""
    end = history.start + history.hours * HOUR
    judged = gauge(requests, semconv.METRIC_WINDOW_END).values()
    evaluated = gauge(
        requests,
        semconv.METRIC_EVALUATION_SCORE,
        {semconv.EVALUATION_NAME: "accuracy", semconv.EVALUATION_TYPE: "realized"},
    )
    return max(judged, default=0.0) * SECOND >= end and max(evaluated, default=0) >= end


def observe(history: CreditHistory, baseline: Path, folder: Path) -> Observed:
    """Let an application and a processor run through the history, undisturbed."""
    receiver = free_endpoint()
    with (
        Sink() as sink,
        Processor(configuration(receiver, sink.endpoint, folder), folder) as processor,
        Sink(forward=receiver) as sent,
    ):
        served = serving(receiver)
        with application(history, baseline, sent.endpoint, folder) as app:
            assert app.wait() == 0, app.output
        sink.wait(lambda requests: finished(requests, history), "the last hour is judged")
        exit_code = processor.stop()
        return Observed(sent.requests, sink.requests, served, exit_code, processor.output)
