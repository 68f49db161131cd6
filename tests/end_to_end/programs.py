"""Small programs that predict, run as processes of their own against a real back end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.end_to_end.processes import PATIENCE
from tests.end_to_end.sink import Request, only

PREDICT = """
import os, signal, sys, threading, time
import tidegauge

@tidegauge.monitor("m", version="1", task="binary")
def predict(row):
    return 0.8
"""


def start(
    code: str, endpoint: str, *arguments: str, file: Path | None = None, **environment: str
) -> subprocess.Popen[str]:
    """Run ``code``, from ``file`` where it needs one; what it prints and logs is one text."""
    program = ["-c", code]
    if file is not None:
        file.write_text(code)
        program = [str(file)]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TIDEGAUGE_"))}
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none", **environment}
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        env={**quiet, **ours},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(code: str, endpoint: str, *arguments: str, file: Path | None = None, **environment: str) -> tuple[int, str]:
    """Exit code and output of a program that ends by itself."""
    with start(code, endpoint, *arguments, file=file, **environment) as process:
        return ended(process)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and output of a process, once it has ended."""
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        raise AssertionError(f"still running after {PATIENCE:g} s: {output}") from None
    return process.returncode, output


def rows(requests: Iterable[Request]) -> int:
    """Rows predicted that have arrived."""
    return sum(
        point.as_int
        for request in only(ExportMetricsServiceRequest, requests)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "ml.predictions"
        for point in metric.sum.data_points
    )
