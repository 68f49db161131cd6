"""The service ends when it is asked to, by signals that are waited for, or by handlers where there is no such wait."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import threading
from tidegauge_processor import stopping

wait = stopping.{how}()
threading.Thread(target=threading.Event().wait, daemon=True).start()  # it may be given the signal
print("ready", flush=True)
wait()
print("asked", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("how", ["held_back", "_by_handlers"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_waited_for_and_the_second_ends_the_process(how: str, number: signal.Signals) -> None:
    # Python leaves an ignored SIGINT, as jobs in the background inherit it, alone: so the child is told the default.
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler){PROGRAM.format(how=how)}"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            child.send_signal(number)
            assert child.stdout.readline() == "asked\n"
            child.send_signal(number)
            assert child.wait(60) != 0
        finally:
            child.kill()
