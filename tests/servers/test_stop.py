"""Every request that a server answered before and while it was stopped is a row that arrived."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.processes import PATIENCE, ROOT, Child, wait_until
from tests.end_to_end.programs import rows
from tests.end_to_end.sink import Sink
from tests.servers.serving import COMMANDS, PRELOADED, Crowd, Server

pytestmark = pytest.mark.servers
REQUESTS = 200


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_stopped_when_it_is_quiet(command: Sequence[str], tmp_path: Path) -> None:
    with Sink() as sink, Server(command, f"http://{sink.endpoint}", tmp_path / "log") as server:
        while server.answered < REQUESTS:
            assert server.ask(), server.output
        server.stop()
        assert rows(sink.requests) == REQUESTS, server.output


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_stopped_under_load(command: Sequence[str], tmp_path: Path) -> None:
    with Sink() as sink, Server(command, f"http://{sink.endpoint}", tmp_path / "log") as server:
        with Crowd(server):
            wait_until(lambda: server.answered > REQUESTS, "the server is busy")
            server.stop()
        assert server.answered > REQUESTS
        # A request that was cut off in the middle was predicted, but not answered.
        assert server.answered <= rows(sink.requests) <= server.answered + 4, server.output


@pytest.mark.parametrize("command", PRELOADED.values(), ids=PRELOADED)
def test_stopped_where_the_master_has_predicted_before_it_forked(command: Sequence[str], tmp_path: Path) -> None:
    with Sink() as sink, Server(command, f"http://{sink.endpoint}", tmp_path / "log", WARM_UP="1") as server:
        while server.answered < REQUESTS:
            assert server.ask(), server.output
        server.stop()
        assert "SIGKILL" not in server.output
        assert rows(sink.requests) == REQUESTS + 1, server.output


@pytest.mark.parametrize("warm_up", ["", "1"], ids=["cold", "warmed up"])
@pytest.mark.parametrize("recycled", [[], ["--max-tasks-per-child", "5"]], ids=["kept", "recycled"])
def test_tasks_of_celery(recycled: list[str], warm_up: str, tmp_path: Path) -> None:
    broker = tmp_path / "broker"
    (broker / "control").mkdir(parents=True)
    with Sink() as sink:
        environment = {
            "BROKER_FOLDER": str(broker),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sink.endpoint}",
            "OTEL_TRACES_EXPORTER": "none",
            "PYTHONPATH": str(ROOT),
        }
        send = "from tests.servers.applications import app\nfor _ in range(20):\n    app.send_task('work')"
        subprocess.run(
            [sys.executable, "-c", send], env={**os.environ, **environment}, cwd=ROOT, check=True, timeout=PATIENCE
        )
        command = [str(Path(sys.executable).parent / "celery"), "-A", "tests.servers.applications", "worker", "-c", "2"]
        with Child([*command, "-l", "info", *recycled], tmp_path / "log", **environment, WARM_UP=warm_up) as worker:
            wait_until(lambda: worker.output.count("succeeded") == 20 or not worker.running, "all tasks are done")
            assert worker.output.count("succeeded") == 20, worker.output
            assert worker.stop() == 0, worker.output
        assert rows(sink.requests) == (21 if warm_up else 20), worker.output
