"""`make demo`: a year of flights through a monitored model, in under three minutes.

Trains the model on January, then starts the processor and the application as processes of their own, which talk
OTLP over gRPC. What the processor says is received here, and the summary and the picture are made of that alone.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

import flights
import grpc
import pandas as pd
import picture
import summary
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sink import Record, Sink

from tidegauge import semconv

HERE: Final = Path(__file__).parent
PATIENCE: Final = 120.0
"""Seconds without a word from anybody after which the demo gives up."""


class DemoError(Exception):
    """The demo cannot go on; the message is the one line that the user sees."""


def prepare(folder: Path) -> None:
    """Train the model and write ``model.pickle`` and ``baseline.json``, as a training job would."""
    train_on, held_out = flights.january(flights.load())
    model = flights.DelayModel().fit(train_on)
    flights.fit_baseline(model, train_on, held_out).save(folder / "baseline.json")
    (folder / "model.pickle").write_bytes(pickle.dumps(model))


class Ending:
    """Turns SIGTERM and SIGINT into the demo's end by ``SystemExit``, so that nothing is left behind on the way out.

    It waits while a child is being started, and comes once: a second signal does not disturb the clearing up. Where
    SIGINT is ignored, as shells do for jobs in the background, it stays so.
    """

    def __init__(self) -> None:
        self._held = False
        self._asked = 0

    def watch(self) -> None:
        """Begin; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._ask)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Not now."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked:
            sys.exit(128 + self._asked)

    def _ask(self, number: int, _: object) -> None:
        if not self._asked:
            self._asked = number
            if not self._held:
                sys.exit(128 + number)


ENDING: Final = Ending()


@contextmanager
def running(name: str, command: list[str], folder: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run ``command`` until the block ends; what it logs goes to ``folder/name.log``."""
    command = [sys.executable, *command]
    process = None
    with (folder / f"{name}.log").open("w") as log:
        try:
            with ENDING.held():
                process = subprocess.Popen(command, stderr=log, text=True, start_new_session=True, **options)
            yield process
        finally:
            if process is not None:
                stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """End ``process``, gently at first."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


class Follow:
    """How far the application and the processor have come, in days; turns the two bars of the progress display."""

    def __init__(self, progress: Progress, until: pd.Timestamp) -> None:
        days = (until - flights.FIRST_DAY).days
        self._progress = progress
        self._until = until
        self._bars = {
            "replayed": progress.add_task("replayed", total=days - 1, note=""),  # it names the day it is on
            "judged": progress.add_task("judged", total=days, note=""),
        }
        self._reached: dict[str, pd.Timestamp] = {}
        self.flown = 0
        self.last_news = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether the last day has been judged and the predictions made on it evaluated."""
        return all(self._reached.get(name, flights.FIRST_DAY) >= self._until for name in ("judged", "evaluated"))

    def read(self, lines: IO[str]) -> None:
        """Take what the application prints: the day that it has reached and the number of flights."""
        for line in lines:
            day, flown = line.split()
            self.flown = int(flown)
            self._reach("replayed", flights.day(day), f"{day}  {self.flown:,} flights")

    def on_record(self, record: Record) -> None:
        """Take a signal of the processor."""
        if record["name"] == semconv.METRIC_WINDOW_END:
            end = pd.Timestamp(record["time"], tz="UTC")
            self._reach("judged", end, f"{end:%Y-%m-%d}")
        elif record["attributes"].get(semconv.EVALUATION_NAME) == "mean_label":  # known when outcomes are
            self._reach("evaluated", pd.Timestamp(record["time"], tz="UTC"), "")

    def _reach(self, what: str, day: pd.Timestamp, note: str) -> None:
        self.last_news = time.monotonic()
        self._reached[what] = max(day, self._reached.get(what, day))
        if what in self._bars:
            done = (self._reached[what] - flights.FIRST_DAY).days
            self._progress.update(self._bars[what], completed=done, note=note)


def monitor_the_year(folder: Path, until: pd.Timestamp, progress: Progress) -> int:
    """Replay the flights before ``until`` and return how many; ``folder/signals.jsonl`` is complete then."""
    follow = Follow(progress, until)
    address = f"127.0.0.1:{_free_port()}"
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(folder / "signals.jsonl", follow.on_record))
        places = {
            "FLIGHTS_PROCESSOR": address,
            "FLIGHTS_SINK": sink.endpoint,
            "FLIGHTS_STORAGE": str(folder / "state"),
        }
        command = ["-m", "tidegauge_processor.cli", "run", "--config", str(HERE / "processor.yaml")]
        processor = stack.enter_context(running("processor", command, folder, env=os.environ | places))
        _wait_for_server(address, processor)

        exporting = {
            "OTEL_SERVICE_NAME": "delay-desk",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60",  # a replay that outruns the processor waits for it
        }
        command = [str(HERE / "app.py"), str(folder), "--until", f"{until:%Y-%m-%d}"]
        app = stack.enter_context(running("app", command, folder, env=os.environ | exporting, stdout=subprocess.PIPE))
        threading.Thread(target=follow.read, args=[app.stdout], daemon=True).start()

        while not (follow.finished and app.poll() == 0):
            for name, process in (("processor", processor), ("app", app)):
                ended = process.poll()
                if ended is not None and not (name == "app" and ended == 0):
                    raise DemoError(f"the {name} ended with code {ended}: see {folder / name}.log")
            if time.monotonic() - follow.last_news > PATIENCE:
                raise DemoError(f"nothing has happened for {PATIENCE:.0f} s: see the logs in {folder}")
            time.sleep(0.1)
    return follow.flown


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_server(address: str, process: subprocess.Popen[str]) -> None:
    with grpc.insecure_channel(address) as channel:
        ready = grpc.channel_ready_future(channel)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            try:
                ready.result(timeout=0.5)
            except grpc.FutureTimeoutError:
                continue
            return


def run(folder: Path, until: pd.Timestamp, console: Console) -> None:
    """The whole demo; writes everything into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "state", ignore_errors=True)  # what the processor remembers of an earlier run
    with console.status("Training on the odd days of January, fitting the baseline on the even ones"):
        prepare(folder)
    columns = TextColumn("{task.description:>9}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        flown = monitor_the_year(folder, until, progress)
    signals = summary.read(folder / "signals.jsonl")
    console.print(f"{flown:,} flights predicted, {signals.evaluations['rows'].sum():,.0f} judged.\n", highlight=False)
    summary.show(signals, console)
    picture.draw(signals, folder / "flights.png")
    console.print("[bold]Where to look next[/bold]")
    shown = Path(os.path.relpath(folder))
    for what, where in (
        ("the picture", shown / "flights.png"),
        ("every signal, one a line", shown / "signals.jsonl"),
        ("what the model is compared with", f"tidegauge baseline show {shown / 'baseline.json'}"),
        ("how it is done", Path(os.path.relpath(HERE)) / "README.md"),
    ):
        console.print(f"  {what:<33}{where}", soft_wrap=True, highlight=False)


def main() -> int:
    """Run the demo; 0 when it went through, 1 with one line when it could not, 130 or 143 when a signal ended it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--until", type=flights.day, default=flights.END)
    parser.add_argument("--output", type=Path, default=HERE / "output")
    arguments = parser.parse_args()
    if not flights.FIRST_DAY < arguments.until <= flights.END:
        parser.error(f"--until must be a day after {flights.FIRST_DAY:%Y-%m-%d} and up to {flights.END:%Y-%m-%d}")
    ENDING.watch()
    try:
        run(arguments.output.resolve(), arguments.until, Console())
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
