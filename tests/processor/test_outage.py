"""A processor that was away for minutes counts every row once: whoever is back first closes nothing on the others."""

from __future__ import annotations

import random
from collections import Counter, deque
from pathlib import Path

import pytest

from tests.processor.live import START, TIMING, Application, Live, at
from tests.processor.requests import SECOND
from tidegauge import semconv

INTERVAL = 10
"""Seconds between two exports."""


class Scene:
    """Applications that predict and keep what nobody takes, on a clock of seconds.

    Args:
        folder: of the processor's store.
        seed: draws rows, and when each application tries again.
        consumers: requests of one application that may overtake each other, as in a collector.
    """

    def __init__(self, folder: Path, seed: int, consumers: int = 1) -> None:
        self.live = Live(folder)
        self.predicted: Counter[int] = Counter()
        self._chance = random.Random(seed)
        self._consumers = consumers
        self._up = True
        self._now = 0
        self._writers: dict[Application, deque[bytes]] = {}
        self._tries: dict[Application, int] = {}

    def join(self) -> None:
        """One more application begins, at a moment of its own."""
        writer = Application(f"writer-{len(self._writers)}", at(self._now))
        self._writers[writer], self._tries[writer] = deque(), 0

    def leave(self) -> None:
        """All end amid an interval, and say so; what they kept is taken."""
        self.run(INTERVAL - self._now % INTERVAL + 3)
        for writer, waiting in self._writers.items():
            self._put(writer, 3)
            waiting.append(writer.goodbye(at(self._now)))
            self._deliver(writer)
        self._writers.clear()

    def run(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self._now += 1
            for writer in self._writers:
                if self._now % INTERVAL == 0:
                    self._put(writer, self._chance.randrange(12))  # now and then there is nothing to send
                if self._up and self._now >= self._tries[writer]:
                    self._deliver(writer)
            if self._up:
                self.live.look(at(self._now))
                if self._now % 10 == 7:
                    self.live.checkpoint()

    def away(self, seconds: int, *, kill: bool) -> None:
        """The processor ends, and is back after a while; each application tries again when its pause is over."""
        self.live.end(kill=kill)
        self._up = False
        self.run(seconds // 2)
        self.join()
        self.run(seconds - seconds // 2)
        self.live.begin(at(self._now))
        self._up = True
        self._tries = {writer: self._now + self._chance.randrange(60) for writer in self._writers}

    def _put(self, writer: Application, rows: int) -> None:
        start = self._now - (self._now % INTERVAL or INTERVAL)
        if rows:
            self._writers[writer].append(writer.interval(rows, at(start), at(self._now)))
            self.predicted[(at(self._now) - 1 - START) // TIMING.window] += rows

    def _deliver(self, writer: Application) -> None:
        waiting = self._writers[writer]
        while waiting:
            some = [waiting.popleft() for _ in range(min(self._consumers, len(waiting)))]
            self._chance.shuffle(some)
            again = some[:1] if self._chance.random() < 0.2 else []  # an acknowledgement got lost
            self.live.take(*some, *again, now=at(self._now))


@pytest.mark.parametrize("consumers", [1, 4])
@pytest.mark.parametrize(
    ("down", "kill"),
    [(200, True), (200, False), (240, True), (240, False), (1_800, True)],
    ids=["killed, 200 s", "stopped, 200 s", "killed, 240 s", "stopped, 240 s", "killed, 30 min"],
)
def test_no_row_is_lost_and_none_counts_twice(tmp_path: Path, down: int, kill: bool, consumers: int) -> None:
    scene = Scene(tmp_path, down + kill, consumers)
    for _ in range(3):
        scene.join()
        scene.run(37)
    scene.away(down, kill=kill)
    scene.run(100)
    scene.leave()
    scene.run(TIMING.idle // SECOND + 120)

    live = scene.live
    assert {number: signal.rows for number, signal in live.windows.items()} == scene.predicted
    assert {signal.completeness for signal in live.windows.values()} == {1.0}
    assert live.counted == scene.predicted.total()
    assert live.count(semconv.METRIC_PROCESSOR_LATE) == 0
    assert live.count(semconv.METRIC_PROCESSOR_MISSING) == 0
