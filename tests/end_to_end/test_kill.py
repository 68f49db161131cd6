"""`kill -9` of the processor amid traffic: what it acknowledged is counted, and counted once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.end_to_end.expectations import check_accuracy, check_counts
from tests.end_to_end.leaves import leaves
from tests.end_to_end.processes import Restarted, free_endpoint, wait_until
from tests.end_to_end.scenario import Observed, application, configuration, finished
from tests.end_to_end.sink import Client, Request, Sink
from tests.workloads import CreditHistory
from tidegauge import Baseline

pytestmark = pytest.mark.end_to_end


def test_requests_sent_again_by_several_senders_count_once(
    observed: Observed, history: CreditHistory, baseline: Path, tmp_path: Path
) -> None:
    closing = [request for request in observed.sent if _latest(request) >= history.closing[0].at]
    traffic = [request for request in observed.sent if request not in closing]
    with Sink() as sink, _restarted(sink, tmp_path) as processor:
        senders = _Senders(processor.receiver, traffic)
        for share in (0.2, 0.5, 0.8):
            wait_until(lambda share=share: senders.acknowledged >= share * len(traffic), f"{share:.0%} is acknowledged")
            processor.kill_and_restart()
        senders.join()
        _Senders(processor.receiver, closing).join()
        sink.wait(lambda requests: finished(requests, history), "the last hour is judged")
    check_counts(sink.requests, history, Baseline.load(baseline))
    check_accuracy(sink.requests, history)


def test_a_running_application_loses_nothing(history: CreditHistory, baseline: Path, tmp_path: Path) -> None:
    with Sink() as sink, _restarted(sink, tmp_path) as processor:
        with application(history, baseline, processor.receiver, tmp_path, pause=0.02) as app:
            for hour in (2, 7):
                wait_until(
                    lambda hour=hour: f"hour {hour}\n" in app.output or not app.running, f"hour {hour} is replayed"
                )
                processor.kill_and_restart()
            assert app.wait() == 0, app.output
        sink.wait(lambda requests: finished(requests, history), "the last hour is judged")
    check_counts(sink.requests, history, Baseline.load(baseline))
    check_accuracy(sink.requests, history)


class _Senders:
    """Four clients that share out the traffic as a collector's consumers do.

    Each sends a request until it is acknowledged. One in three is sent once more, and now and then an older one is, as
    happens when an acknowledgement is lost on its way. Nobody runs more than a few requests ahead of the slowest, so
    that the order of arrival stays within the lateness that the processor allows, however slow the machine is.
    """

    _AHEAD = 8

    def __init__(self, endpoint: str, traffic: list[Request]) -> None:
        self._endpoint = endpoint
        self._traffic = traffic
        self._changed = threading.Condition()
        self._taken = 0
        self._in_work: set[int] = set()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(4)]
        for thread in self._threads:
            thread.start()

    @property
    def acknowledged(self) -> int:
        with self._changed:
            return self._taken - len(self._in_work)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        assert not self._failures
        assert self.acknowledged == len(self._traffic)

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        client = Client(self._endpoint)
        try:
            while (place := self._take()) is not None:
                self._send(client, place)
                with self._changed:
                    self._in_work.remove(place)
                    self._changed.notify_all()
                if chance.random() < 0.33:
                    self._send(client, place)
                if chance.random() < 0.1:
                    self._send(client, chance.randrange(place + 1))
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            client.close()

    def _take(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken - min(self._in_work, default=self._taken) < self._AHEAD)
            if self._taken == len(self._traffic):
                return None
            place = self._taken
            self._taken += 1
            self._in_work.add(place)
            return place

    def _send(self, client: Client, place: int) -> None:
        wait_until(lambda: client.send(self._traffic[place]), "a request is acknowledged")


def _restarted(sink: Sink, folder: Path) -> Restarted:
    return Restarted(configuration(free_endpoint(), sink.endpoint, folder), folder)


def _latest(request: Request) -> int:
    # Spans carry no statistics here, so it does not matter when they come.
    return max((leaf.data.time_unix_nano for leaf in leaves([request]) if leaf.kind != "span"), default=0)
