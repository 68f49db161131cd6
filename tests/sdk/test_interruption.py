"""A signal that comes while our code runs reaches the user; what a value raises does not."""

import contextlib
import functools
import signal
import subprocess
import sys
import threading

import pytest
from opentelemetry import trace

from tests.sdk.builders import predicted
from tidegauge import monitor
from tidegauge._interruption import is_interruption
from tidegauge.testing import capture


class TimeIsUpError(Exception):
    pass


def time_is_up(number, frame):
    raise TimeIsUpError


class Handler:
    def __call__(self, number, frame):
        raise SystemExit(3)

    def method(self, number, frame):
        raise KeyboardInterrupt


HANDLERS = {
    "Python's own": (signal.default_int_handler, KeyboardInterrupt),
    "function": (time_is_up, TimeIsUpError),
    "object": (Handler(), SystemExit),
    "method": (Handler().method, KeyboardInterrupt),
    "partial": (functools.partial(time_is_up), TimeIsUpError),
}


@contextlib.contextmanager
def handled_by(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Interrupted:
    """A signal comes while it is read for the first time."""

    read = False

    def __ne__(self, other):
        if not self.read:
            self.read = True
            signal.raise_signal(signal.SIGINT)
        return False

    __hash__ = None


class Raising:
    """Raises what a signal handler may raise."""

    def __init__(self, error):
        self.error = error

    def __ne__(self, other):
        raise self.error

    __hash__ = None


@monitor("m", version="1")
def predict(row):
    return 1.5


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_signal_reaches_the_user_and_what_a_value_raises_does_not(kind):
    handler, error = HANDLERS[kind]
    with handled_by(handler), capture() as seen:
        assert predict({"age": Raising(error)}) == 1.5
        assert seen.failures == {"span": 1}
        with pytest.raises(error):
            predict({"age": Interrupted()})
        assert predict({"age": 1.0}) == 1.5


def test_a_signal_during_a_flush_reaches_who_flushes():
    with handled_by(time_is_up), capture() as seen:
        monitor("m", version="1", capture="none")(lambda row: 1.5)({"age": Interrupted()})
        with pytest.raises(TimeIsUpError):
            seen.flush()
        predict({"age": 1.0})
        assert predicted(seen.points) == 2  # the flush went on in its own thread


def test_a_call_that_a_signal_ended_leaves_the_context_as_it_was():
    with handled_by(time_is_up), capture():
        around = trace.get_current_span()
        with pytest.raises(TimeIsUpError):
            predict({"age": Interrupted()})
        assert trace.get_current_span() is around


def test_other_threads_have_no_signals():
    found = []

    def look():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            found.append(is_interruption(error))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [False]


SCRIPT = """
import time
import tidegauge
from tidegauge.testing import capture

class Slow:
    def __ne__(self, other):
        print("reading", flush=True)
        PART

@tidegauge.monitor("m", version="1")
def predict(row):
    return 1.5

with capture():
    predict({"age": Slow()})
    print("swallowed")
"""


@pytest.mark.parametrize("part", ["time.sleep(300)", "while True: pass"])
def test_control_c_ends_a_program_that_reads_a_slow_value(part):
    program = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("PART", part)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with program:
        try:
            assert program.stdout.readline() == "reading\n"
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=60)
        finally:
            program.kill()
    assert (out, program.returncode) == ("", -signal.SIGINT)
    assert err.rstrip().endswith("KeyboardInterrupt")
