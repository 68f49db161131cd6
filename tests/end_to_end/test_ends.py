"""However a process ends, its rows arrive; where they cannot, it ends soon and says how many are lost."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.end_to_end.processes import free_endpoint, wait_until
from tests.end_to_end.programs import PREDICT, ended, rows, run, start
from tests.end_to_end.sink import Sink

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(sys.platform == "win32", reason="this platform has no signals"),
]

CALLS = """
for _ in range(200):
    predict({"a": 1.0})
"""
READY = """
print("ready", flush=True)
time.sleep(600)
"""
LEAVES = """
import signal, sys
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
"""
SERVER = """
import signal
stopped = []
signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
"""
RAISES_AGAIN = """
print("ready", flush=True)
while not stopped:
    time.sleep(0.05)
for _ in range(50):
    predict({"a": 1.0})
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
"""
A_THREAD = """
threading.Thread(target=time.sleep, args=(600,)).start()
"""
MAIN_ENDED = """
def consume():
    threading.main_thread().join()
    for _ in range(50):
        predict({"a": 1.0})
    print("flush", tidegauge.flush(60), flush=True)

threading.Thread(target=consume).start()
"""
CONSUMER = """
def consume():
    threading.main_thread().join()
    while True:
        predict({"a": 1.0})
        time.sleep(0.01)

threading.Thread(target=consume).start()
"""
HANGS = """
class Hanging:
    def __ne__(self, other):
        time.sleep(600)

with tidegauge.prediction("m", version="1") as p:
    p.features([{"a": Hanging()}, {"a": 1.0}])
print(tidegauge.flush(1), flush=True)
"""


def stopped(code: str, endpoint: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of a program that is stopped by SIGTERM once it is ready."""
    process = start(code, endpoint, **environment)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first == "ready\n", first + ended(process)[1]
    process.send_signal(signal.SIGTERM)
    return ended(process)


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (PREDICT + CALLS + READY, -signal.SIGTERM),
        (PREDICT + CALLS + A_THREAD + READY, -signal.SIGTERM),
        (LEAVES + PREDICT + CALLS + READY, 7),
        (PREDICT + LEAVES + CALLS + READY, 7),
        (SERVER + PREDICT + CALLS.replace("200", "150") + RAISES_AGAIN, -signal.SIGTERM),
    ],
    ids=["default", "default, a thread goes on", "set before", "set later", "raised again"],
)
def test_sigterm_loses_nothing_and_ends_the_process_as_before(code: str, ends: int) -> None:
    with Sink() as sink:
        assert stopped(code, f"http://{sink.endpoint}") == (ends, "")
        assert rows(sink.requests) == 200


def test_a_handler_that_is_set_later_is_left_alone() -> None:
    later = """
ours = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda number, frame: os._exit(9))
predict({"a": 1.0})
tidegauge.monitor("other", version="1")(len)
"""
    with Sink() as sink:
        assert stopped(PREDICT + later + READY, f"http://{sink.endpoint}") == (9, "")


def test_the_handler_can_be_left_out() -> None:
    code = """
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""
    assert run(PREDICT + code, "http://127.0.0.1:1", TIDEGAUGE_SIGTERM="false") == (0, "True\n")
    assert run(PREDICT + code, "http://127.0.0.1:1") == (0, "False\n")


def test_an_ignored_signal_stays_ignored() -> None:
    ignoring = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
    code = """
print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
"""
    assert run(ignoring + PREDICT + code, "http://127.0.0.1:1") == (0, "True\n")


def test_a_signal_raised_again_ends_a_process_that_a_thread_would_keep() -> None:
    with Sink() as sink:
        endpoint = f"http://{sink.endpoint}"
        program = SERVER + PREDICT + CALLS + A_THREAD + RAISES_AGAIN
        assert stopped(program, endpoint, TIDEGAUGE_SHUTDOWN_TIMEOUT="1")[0] == -signal.SIGTERM


def test_a_consumer_that_outlives_the_main_thread_is_seen() -> None:
    with Sink() as sink:
        assert run(PREDICT + MAIN_ENDED, f"http://{sink.endpoint}") == (0, "flush True\n")
        assert rows(sink.requests) == 50


def test_such_a_consumer_is_seen_while_it_goes_on() -> None:
    with Sink() as sink:
        process = start(PREDICT + CONSUMER, f"http://{sink.endpoint}", TIDEGAUGE_EXPORT_INTERVAL="1")
        try:
            wait_until(lambda: rows(sink.requests) > 100, "the rows of two intervals arrive")
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("configured", ["", "tidegauge.configure()\n"], ids=["as is", "configured"])
def test_where_nobody_listens_the_rows_that_are_lost_are_said_in_one_line(configured: str, protocol: str) -> None:
    code, output = run(
        PREDICT + configured + CALLS,
        f"http://{free_endpoint()}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_TRACES_EXPORTER="otlp",
    )
    assert code == 0
    assert len(re.findall("Tidegauge lost 200 predicted rows and 0 events .*: nobody listens at .*", output)) == 1
    assert "kept" not in output


def test_a_value_that_hangs_holds_up_neither_flush_nor_the_end() -> None:
    with Sink() as sink:
        code, output = run(PREDICT + HANGS, f"http://{sink.endpoint}", TIDEGAUGE_SHUTDOWN_TIMEOUT="1")
    assert code == 0
    assert output.startswith("False\n")
    assert "Tidegauge lost 2 predicted rows and 0 events" in output
