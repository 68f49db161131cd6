"""Real servers as processes: how each is started, asked, and stopped."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.end_to_end.processes import PATIENCE, ROOT, free_endpoint, wait_until

_APPLICATIONS: Final = "tests.servers.applications"
_WSGI: Final = f"{_APPLICATIONS}:wsgi"
_ASGI: Final = f"{_APPLICATIONS}:asgi"
_UVICORN: Final = ("uvicorn", _ASGI, "--port", "{port}", "--log-level", "warning")
_GUNICORN: Final = ("gunicorn", "-b", "{host}:{port}")
_HYPERCORN: Final = ("hypercorn", _ASGI, "-b", "{host}:{port}")
_GRANIAN: Final = ("granian", "--port", "{port}")

COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    "uvicorn": _UVICORN,
    "uvicorn, 2 workers": (*_UVICORN, "--workers", "2"),
    "hypercorn": _HYPERCORN,
    "hypercorn, 2 workers": (*_HYPERCORN, "-w", "2"),
    "granian": (*_GRANIAN, "--interface", "asgi", _ASGI),
    "granian WSGI, 2 workers": (*_GRANIAN, "--interface", "wsgi", "--workers", "2", _WSGI),
    "gunicorn sync": (*_GUNICORN, _WSGI),
    "gunicorn sync, 2 workers": (*_GUNICORN, "-w", "2", _WSGI),
    "gunicorn threads, 2 workers": (*_GUNICORN, "-w", "2", "--threads", "4", _WSGI),
    "gunicorn uvicorn, 2 workers": (*_GUNICORN, "-w", "2", "-k", "uvicorn_worker.UvicornWorker", _ASGI),
    "Flask": ("flask", "--app", f"{_APPLICATIONS}:flask", "run", "--port", "{port}"),
}
PRELOADED: Final[Mapping[str, Sequence[str]]] = {
    "gunicorn sync, preloaded": (*_GUNICORN, "-w", "2", "--preload", _WSGI),
    "gunicorn uvicorn, preloaded": (*_GUNICORN, "-w", "2", "--preload", "-k", "uvicorn_worker.UvicornWorker", _ASGI),
}


class Server:
    """A server that answers when constructed, and is gone when the block ends, whatever happened."""

    def __init__(self, command: Sequence[str], endpoint: str, log: Path, **environment: str) -> None:
        self._host, port = free_endpoint().split(":")
        self._port = int(port)
        self._log = log
        self.answered = 0
        """Requests that got their answer."""
        quiet = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TIDEGAUGE_"))}
        ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none", "PYTHONPATH": str(ROOT)}
        program, *arguments = (part.format(host=self._host, port=port) for part in command)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / program), *arguments],
                cwd=ROOT,
                env={**quiet, **ours, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(lambda: self.ask() or self._process.poll() is not None, "the server answers")
            assert self._process.poll() is None, self.output
        except BaseException:
            self.__exit__()
            raise

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def ask(self) -> bool:
        """One request; whether it was answered."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            answered = connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        self.answered += answered
        return answered

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()


class Crowd:
    """Clients that ask all the time, until nobody answers."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        self._threads = [threading.Thread(target=self._ask, args=(server,)) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for thread in self._threads:
            thread.join()

    @staticmethod
    def _ask(server: Server) -> None:
        while server.ask():
            pass
