"""Group commit: durable before acknowledged, in order, few transactions, and a kill at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.processor.edges import until
from tidegauge.errors import StorageError
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.inbox import Entry, Inbox
from tidegauge_processor.state.store import Store

M = SignalKind.METRICS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "state")
    yield store
    store.close()


class Gate(Store):
    """A store whose commits wait until they may, and are counted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reached, self.free = threading.Semaphore(0), threading.Semaphore(0)
        self.commits: list[int] = []

    def append(self, entries: Sequence[tuple[SignalKind, bytes]]) -> range:
        self.reached.release()
        assert self.free.acquire(timeout=20)
        self.commits.append(len(entries))
        return self.store.append(entries)


def test_a_request_is_durable_when_put_returns_and_then_handed_on(store: Store) -> None:
    handed: list[Entry[str]] = []
    inbox = Inbox(store, handed.extend)
    assert inbox.put(M, b"raw", "decoded") == 1
    assert list(store.replay(0)) == [(1, M, b"raw")]
    assert inbox.put(SignalKind.LOGS, b"more", "also decoded") == 2
    inbox.close()
    assert handed == [Entry(1, M, "decoded"), Entry(2, SignalKind.LOGS, "also decoded")]


def test_requests_that_come_together_share_a_commit(store: Store) -> None:
    gate = Gate(store)
    handed: list[Entry[int]] = []
    inbox: Inbox[int] = Inbox(gate, handed.extend)
    with ThreadPoolExecutor(50) as senders:
        first = senders.submit(inbox.put, M, b"first", 0)
        assert gate.reached.acquire(timeout=20)
        rest = [senders.submit(inbox.put, M, bytes([number]), number) for number in range(1, 50)]
        until(lambda: len(inbox._waiting.rows) == 49)
        assert not any(put.done() for put in (first, *rest))  # nobody is answered before the commit
        gate.free.release(2)
        assert first.result() == 1
        assert sorted(put.result() for put in rest) == list(range(2, 51))
    inbox.close()
    assert gate.commits == [1, 49]
    assert [entry.id for entry in handed] == list(range(1, 51))
    stored = {number: data for number, _, data in store.replay(1)}
    assert {entry.id: bytes([entry.decoded]) for entry in handed[1:]} == stored


def test_many_threads_without_a_pause_lose_and_mix_up_nothing(store: Store) -> None:
    handed: list[Entry[bytes]] = []
    inbox = Inbox(store, handed.extend, interval=0.001)

    def send(sender: int) -> list[tuple[int, bytes]]:
        return [(inbox.put(M, data, data), data) for data in (b"%d/%d" % (sender, number) for number in range(50))]

    with ThreadPoolExecutor(16) as senders:
        put = [pair for pairs in senders.map(send, range(16)) for pair in pairs]
    inbox.close()
    assert [entry.id for entry in handed] == list(range(1, 801))
    assert [(entry.id, entry.decoded) for entry in handed] == sorted(put)
    assert [(number, data) for number, _, data in store.replay(0)] == sorted(put)


def test_what_cannot_be_stored_is_neither_acknowledged_nor_handed_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    handed: list[Entry[None]] = []
    inbox: Inbox[None] = Inbox(store, handed.extend)
    store._connection.execute("PRAGMA query_only = 1")
    for _ in range(3):
        with pytest.raises(StorageError, match="attempt to write a readonly database"):
            inbox.put(M, b"lost", None)
    store._connection.execute("PRAGMA query_only = 0")
    assert inbox.put(M, b"kept", None) == 1
    inbox.close()
    assert handed == [Entry(1, M, None)]
    assert [data for _, _, data in store.replay(0)] == [b"kept"]
    assert [record.levelname for record in caplog.records if "refused until" in record.message] == ["ERROR"]


def test_bytes_that_wait_are_bounded(store: Store) -> None:
    gate = Gate(store)
    inbox: Inbox[None] = Inbox(gate, lambda entries: None, max_bytes=100)
    with ThreadPoolExecutor() as senders:
        puts = [senders.submit(inbox.put, M, bytes(1000), None)]  # alone, it may be of any size
        assert gate.reached.acquire(timeout=20)
        puts.append(senders.submit(inbox.put, M, bytes(99), None))
        until(lambda: bool(inbox._waiting.rows))
        with pytest.raises(StorageError, match="more than 100 bytes wait to be stored"):
            inbox.put(M, bytes(2), None)
        gate.free.release(2)
        assert [put.result() for put in puts] == [1, 2]
    inbox.close()


def test_closing_finishes_what_was_taken_and_takes_nothing_more(store: Store) -> None:
    gate = Gate(store)
    handed: list[Entry[str]] = []
    inbox = Inbox(gate, handed.extend, interval=3600)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(inbox.put, M, b"first", "first")
        assert gate.reached.acquire(timeout=20)
        second = threads.submit(inbox.put, M, b"second", "second")
        until(lambda: bool(inbox._waiting.rows))
        closing = threads.submit(inbox.close)
        assert inbox._closing.wait(20)
        with pytest.raises(StorageError, match="the processor is shutting down"):
            inbox.put(M, b"third", "third")
        gate.free.release(2)
        closing.result()
        assert (first.result(), second.result()) == (1, 2)
    assert [entry.decoded for entry in handed] == ["first", "second"]


def test_nothing_overtakes_what_could_not_be_handed_on(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def fail(entries: Sequence[Entry[None]]) -> None:
        raise ZeroDivisionError("a bug behind the inbox")

    inbox: Inbox[None] = Inbox(store, fail)
    assert inbox.put(M, b"first", None) == 1
    until(lambda: bool(inbox._refusal))
    with pytest.raises(StorageError, match="must be restarted; what it acknowledged is stored"):
        inbox.put(M, b"second", None)
    inbox.close()
    assert list(store.replay(0)) == [(1, M, b"first")]
    assert "a bug behind the inbox" in caplog.text


WRITER = """if True:
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from tidegauge_processor.otlp.kinds import SignalKind
    from tidegauge_processor.state.inbox import Inbox
    from tidegauge_processor.state.store import Store

    store = Store.open(sys.argv[1])
    inbox = Inbox(store, lambda entries: None)

    def send(sender):
        number = 0
        while True:
            data = b"%d/%d" % (sender, number)
            acknowledged = inbox.put(SignalKind.METRICS, data + bytes(3000), None)
            sys.stdout.buffer.write(b"%d %s\\n" % (acknowledged, data))
            sys.stdout.buffer.flush()
            number += 1

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, range(8)))
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[int, bytes] = {}
    for round_ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(200 + 37 * round_):
                number, data = child.stdout.readline().split()
                acknowledged[int(number)] = data
            os.kill(child.pid, signal.SIGKILL)
            for line in child.stdout.read().split(b"\n")[:-1]:  # what it said before it died
                number, data = line.split()
                acknowledged[int(number)] = data
        store = Store.open(tmp_path)
        stored = {number: data.rstrip(b"\0") for number, _, data in store.replay(0)}
        store.close()
        assert len(acknowledged) >= 200
        assert {number: stored.get(number) for number in acknowledged} == acknowledged
