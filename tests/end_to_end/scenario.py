"""The scene of the end-to-end tests: a baseline on disk, an application that replays history, a configuration."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.end_to_end.processes import Child
from tests.workloads import FEATURES, MODEL, VERSION, CreditHistory
from tidegauge import Baseline


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


def application(history: CreditHistory, baseline: Path, endpoint: str, folder: Path, **environment: str) -> Child:
    """Start the application that replays ``history`` and sends its telemetry to ``endpoint``."""
    options = ["--baseline", str(baseline), "--history", json.dumps(asdict(history))]
    return Child(
        [sys.executable, "-m", "tests.end_to_end.application", *options],
        folder / "application.log",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{endpoint}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_SERVICE_NAME="loan-office",
        TIDEGAUGE_EXPORT_INTERVAL="600",
        **environment,
    )


def configuration(receiver: str, exporter: str, folder: Path) -> dict[str, Any]:
    """A processor's configuration for replayed history, with its state in ``folder``."""
    return {
        "receiver": {"endpoint": receiver},
        "exporter": {"endpoint": exporter},
        "storage": {"directory": str(folder / "state")},
        # Only event time closes windows here: a slow machine is not a silent one.
        "windows": {"duration": "1h", "allowed_lateness": "6h", "idle_timeout": "1h"},
        "labels": {"window": "1h", "wait": "9h"},
        "metrics_flush_interval": "1s",
        "replay": True,
    }
