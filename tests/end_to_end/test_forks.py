"""Rows of processes that fork, and of those that end by `os._exit`, arrive."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.programs import PREDICT, ended, rows, run, start
from tests.end_to_end.sink import Sink

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork"),
]

FORK = """
predict({"a": 0.0})
time.sleep(float(sys.argv[1]))
child = os.fork()
if child == 0:
    for _ in range(20):
        predict({"a": 1.0})
    print("child", tidegauge.flush(60), flush=True)
    sys.exit(0)
os.waitpid(child, 0)
"""
IMPORTS = """
known = set(sys.modules)
predict({"a": 0.0})
tidegauge.record_outcome(tidegauge.last_prediction().receipt, actual=1)
print(tidegauge.flush(60), sorted(set(sys.modules) - known))
"""
POOL = """
import multiprocessing

def work(number):
    return predict({"a": float(number)})

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2, maxtasksperchild=1) as pool:
        pool.map(work, range(20), chunksize=5)
        pool.close()
        pool.join()
"""
EXECUTOR = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def work(number):
    return predict({"a": float(number)})

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        list(pool.map(work, range(20)))
"""
UNNOTICED = """
import multiprocessing

def signalled():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # so nothing interrupts the main thread

def work():
    predict({"a": 0.0})
    threading.Thread(target=signalled, daemon=True).start()
    multiprocessing.get_context("fork").Semaphore(0).acquire()

child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
print(child.exitcode)
"""
IDLE = """
import multiprocessing

def work():
    os._exit(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

if __name__ == "__main__":
    predict({"a": 0.0})
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    child.start()
    child.join()
    print(child.exitcode)
"""
POOLS = {"multiprocessing": POOL, "executor": EXECUTOR}
TERMINATED = """
import multiprocessing

def work():
    predict({"a": 0.0})
    ready.set()
    time.sleep(600)

ready = multiprocessing.get_context("fork").Event()
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
ready.wait()
child.terminate()
child.join()
print(child.exitcode)
"""


class Taking(http.server.BaseHTTPRequestHandler):
    """Takes whatever comes."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def taking() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_row_of_parent_and_child_arrives_whenever_the_fork_comes() -> None:
    delays = ("0", "0", "0.002", "0.005", "0.01", "0.02", "0.1", "0.99", "1", "1.005", "1.02")
    with Sink() as sink:
        processes = [start(PREDICT + FORK, f"http://{sink.endpoint}", delay) for delay in delays]
        outcomes = [ended(process) for process in processes]
        arrived = rows(sink.requests)
    assert [code for code, _ in outcomes] == [0] * len(delays), outcomes
    assert [output.count("child True") for _, output in outcomes] == [1] * len(delays), outcomes
    assert arrived == 21 * len(delays)


def test_nothing_is_imported_after_decoration_over_grpc() -> None:
    with Sink() as sink:
        assert run(PREDICT + IMPORTS, f"http://{sink.endpoint}") == (0, "True []\n")


def test_nothing_is_imported_after_decoration_over_http(taking: str) -> None:
    assert run(PREDICT + IMPORTS, taking, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf") == (0, "True []\n")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("pool", POOLS)
def test_rows_of_pool_workers_arrive(pool: str, method: str, tmp_path: Path) -> None:
    with Sink() as sink:
        assert run(PREDICT + POOLS[pool], f"http://{sink.endpoint}", method, file=tmp_path / "program.py") == (0, "")
        assert rows(sink.requests) == 20


def test_rows_of_a_child_that_is_terminated_arrive() -> None:
    with Sink() as sink:
        assert run(PREDICT + TERMINATED, f"http://{sink.endpoint}") == (0, "-15\n")
        assert rows(sink.requests) == 1


def test_a_child_notices_a_signal_that_nothing_tells_its_main_thread() -> None:
    with Sink() as sink:
        assert run(PREDICT + UNNOTICED, f"http://{sink.endpoint}") == (0, "-15\n")
        assert rows(sink.requests) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_does_not_predict_has_the_default(method: str, tmp_path: Path) -> None:
    with Sink() as sink:
        endpoint = f"http://{sink.endpoint}"
        assert run(PREDICT + IDLE, endpoint, method, file=tmp_path / "program.py") == (0, "1\n")
