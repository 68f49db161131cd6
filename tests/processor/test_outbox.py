"""What waits for the back end: bounded in bytes too, and of what holds at present only the latest form waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.processor.edges import Counts
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database.outbox import Size
from tidegauge_processor.state.store import Store
from tidegauge_processor.unsent import Unsent

M, L = SignalKind.METRICS, SignalKind.LOGS
MUCH = Size(1_000, 1 << 20)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    stores: list[Store] = []

    def open_store(limit: Size = MUCH, counter: Counts | None = None) -> Store:
        if stores:
            stores.pop().close()
        stores.append(Store.open(tmp_path, counter=counter or Counts(), outbox_limit=limit))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def waiting(store: Store) -> list[bytes]:
    return [data for _, _, data in store.outbox(1_000)]


def gauges(number: int, parts: int = 2) -> list[tuple[SignalKind, bytes]]:
    return [(M, b"gauges %d.%d" % (number, part)) for part in range(parts)]


def test_of_the_gauges_the_oldest_set_and_the_newest_wait_and_everything_else_does(
    opened: Callable[..., Store],
) -> None:
    counts = Counts()
    store = opened(counter=counts)
    for number in range(50):
        store.checkpoint(0, {}, [(L, b"event %d" % number), (M, b"counters %d" % number)], None, gauges(number))
    found = waiting(store)
    assert [data for data in found if data.startswith(b"gauges")] == [
        b"gauges 0.0",
        b"gauges 0.1",
        b"gauges 49.0",
        b"gauges 49.1",
    ]
    assert len(found) == 100 + 4
    assert counts() == {"tidegauge.exporter.dropped{reason=superseded}": 96}


def test_a_slow_back_end_still_gets_whole_sets(opened: Callable[..., Store]) -> None:
    """Two sets are made while one request is sent; no part is left out for ever."""
    store, sent = opened(), []
    for number in range(40):
        store.checkpoint(0, {}, [], None, gauges(number, parts=5))
        if number % 2:
            ((id, _, data),) = store.outbox(1)
            store.sent([id])
            sent.append(data)
    assert {data[-2:] for data in sent} == {b".0", b".1", b".2", b".3", b".4"}
    assert [data[-1:] for data in sent] == [b"0", b"1", b"2", b"3", b"4"] * 4


def test_a_checkpoint_without_gauges_supersedes_none(opened: Callable[..., Store]) -> None:
    store = opened()
    store.checkpoint(0, {}, [], None, gauges(1))
    store.checkpoint(0, {}, [], None, gauges(2))
    store.checkpoint(0, {}, [(L, b"event")])
    assert len(waiting(store)) == 5


def test_the_outbox_is_bounded_in_bytes_and_gauges_go_first(opened: Callable[..., Store]) -> None:
    counts = Counts()
    store = opened(Size(1_000, 1_000), counts)
    store.checkpoint(0, {}, [(L, b"e" * 400)], None, [(M, b"g" * 300), (M, b"h" * 300)])
    assert store.checkpoint(0, {}, [(L, b"f" * 400)]) == 2
    assert [data[:1] for data in waiting(store)] == [b"e", b"f"]
    assert store.checkpoint(0, {}, [(L, b"i" * 300)]) == 1  # then the oldest of the others
    assert [data[:1] for data in waiting(store)] == [b"f", b"i"]
    assert counts() == {"tidegauge.exporter.dropped{reason=outbox_full}": 3}


def test_bytes_are_known_again_after_a_restart_and_what_was_sent_makes_room(opened: Callable[..., Store]) -> None:
    limit = Size(1_000, 1_000)
    opened(limit).checkpoint(0, {}, [(L, b"a" * 600), (L, b"b" * 300)])
    store = opened(limit)
    assert store.checkpoint(0, {}, [(L, b"c" * 200)]) == 1
    assert [data[:1] for data in waiting(store)] == [b"b", b"c"]
    store.sent([id for id, _, _ in store.outbox(1)])
    assert store.checkpoint(0, {}, [(L, b"d" * 800)]) == 0
    assert store.outbox_size() == 2


def test_a_request_that_is_larger_than_all_room_goes(opened: Callable[..., Store]) -> None:
    store = opened(Size(1_000, 100))
    assert store.checkpoint(0, {}, [(L, b"x" * 101)]) == 1
    assert waiting(store) == []


def test_sets_follow_each_other_after_a_restart(opened: Callable[..., Store]) -> None:
    for number in range(5):
        with closing(opened()):
            pass
        opened().checkpoint(0, {}, [], None, gauges(number, parts=1))
    assert waiting(opened()) == [b"gauges 0.0", b"gauges 4.0"]


def test_what_cannot_be_stored_is_bounded_in_memory_too() -> None:
    unsent = Unsent([(L, b"%d" % number * 100) for number in range(10)], gauges(1))
    assert unsent.drop(Size(8, 1 << 20)) == 2
    assert unsent.drop(Size(8, 350)) == 5
    assert [data[:1] for _, data in unsent.said] == [b"7", b"8", b"9"]
    assert unsent.drop(Size(8, 350)) == 0
