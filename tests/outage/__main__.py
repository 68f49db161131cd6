"""`make outage`: take the processor away for minutes, amid traffic, and account for every row.

python -m tests.outage 200s 240s 30m
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.outage.scene import Outage, run
from tidegauge_processor.config.durations import Duration


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__)
    parser.add_argument("down", nargs="+", type=Duration.parse, help="how long the processor is away, such as 200s")
    parser.add_argument("--stop", action="store_true", help="end it by SIGTERM in place of SIGKILL")
    options = parser.parse_args()
    exact = True
    for down in options.down:
        outage = _of(down.seconds, kill=not options.stop)
        print(f"== {down} away, windows of {outage.window} s, {outage.writers + 1} applications", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            account = run(outage, Path(folder), say=_say)
        _say(str(account))
        exact &= account.exact
    return 0 if exact else 1


def _of(down: float, *, kill: bool) -> Outage:
    """Lengths of a minute where minutes are to be had, else as short as they may be."""
    if down >= 120:
        return Outage(down, kill=kill)
    return Outage(down, window=10, interval=2, idle=40, before=12, after=14, kill=kill)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
