"""The store with real files, real locks and real damage."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processor.edges import Counts
from tidegauge.errors import StorageError
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database import FILE_NAME
from tidegauge_processor.state.database.outbox import Size
from tidegauge_processor.state.store import Store

M, L, T = SignalKind.METRICS, SignalKind.LOGS, SignalKind.TRACES


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    stores: list[Store] = []

    def open_(**options: object) -> Store:
        stores.append(Store.open(tmp_path / "state", **options))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


def test_requests_come_back_in_order_from_any_position(opened: Callable[..., Store]) -> None:
    store = opened()
    assert store.append([(M, b"one"), (L, b"two")]) == range(1, 3)
    assert store.append([(T, b"")]) == range(3, 4)
    store.close()
    store = opened()
    assert list(store.replay(0)) == [(1, M, b"one"), (2, L, b"two"), (3, T, b"")]
    assert list(store.replay(2)) == [(3, T, b"")]
    assert list(store.replay(3)) == []


def test_a_checkpoint_moves_everything_together(opened: Callable[..., Store]) -> None:
    store = opened()
    store.append([(M, b"one"), (M, b"two"), (M, b"three")])
    store.checkpoint(1, {"a": b"1", "b": b"1"}, [(L, b"event")])
    store.checkpoint(2, {"a": b"2", "b": None, "c": b"2"}, [(M, b"signal")])
    store.close()
    store = opened()
    assert store.load() == (2, {"a": b"2", "c": b"2"})
    assert list(store.replay(0)) == [(3, M, b"three")]
    assert [row[1:] for row in store.outbox(10)] == [(L, b"event"), (M, b"signal")]


def test_an_id_is_never_given_twice(opened: Callable[..., Store]) -> None:
    store = opened()
    store.append([(M, b"one"), (M, b"two")])
    store.checkpoint(2, {}, [])
    store.close()
    store = opened()
    assert store.append([(M, b"three")]) == range(3, 4)
    assert list(store.replay(store.load()[0])) == [(3, M, b"three")]


def test_a_position_that_the_inbox_never_had_is_refused(opened: Callable[..., Store]) -> None:
    store = opened()
    store.append([(M, b"one")])
    with pytest.raises(ValueError, match="position 2 is ahead of the inbox, which ends at 1"):
        store.checkpoint(2, {"a": b"1"}, [])
    assert store.load() == (0, {})


def test_the_outbox_drops_its_oldest_signals_and_counts_them(opened: Callable[..., Store]) -> None:
    counts = Counts()
    store = opened(outbox_limit=Size(3, 1 << 20), counter=counts)
    assert store.checkpoint(0, {}, [(M, b"1"), (M, b"2"), (M, b"3")]) == 0
    assert store.checkpoint(0, {}, [(L, b"4")]) == 1
    assert [data for _, _, data in store.outbox(10)] == [b"2", b"3", b"4"]
    store.close()
    store = opened(outbox_limit=Size(3, 1 << 20), counter=counts)  # of what an earlier process left, too
    assert store.checkpoint(0, {}, [(L, b"5"), (L, b"6")]) == 2
    assert [data for _, _, data in store.outbox(10)] == [b"4", b"5", b"6"]
    assert store.checkpoint(0, {}, [(L, b"%d" % number) for number in range(7, 11)]) == 4
    assert [data for _, _, data in store.outbox(10)] == [b"8", b"9", b"10"]
    assert store.outbox_size() == 3
    assert counts() == {"tidegauge.exporter.dropped{reason=outbox_full}": 7}


def test_what_was_sent_is_gone_and_makes_room(opened: Callable[..., Store]) -> None:
    store = opened(outbox_limit=Size(2, 1 << 20))
    store.checkpoint(0, {}, [(M, b"1"), (L, b"2")])
    [(first, _, _), (second, kind, _)] = store.outbox(2)
    assert store.outbox(1) == [(first, M, b"1")]
    store.sent([first])
    store.sent([first, 999])  # once more, and one that never was
    assert store.outbox(2) == [(second, kind, b"2")]
    assert store.checkpoint(0, {}, [(M, b"3")]) == 0
    assert store.outbox_size() == 2


def test_baselines_are_kept_by_their_digest(opened: Callable[..., Store]) -> None:
    store = opened()
    store.save_baseline("aa", b"first")
    store.save_baseline("bb", b"second")
    store.save_baseline("aa", b"first")
    store.close()
    assert opened().baselines() == {"aa": b"first", "bb": b"second"}


def test_every_commit_is_synced_to_disk(opened: Callable[..., Store]) -> None:
    connection = opened()._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: the log is synced at each commit


def test_a_second_process_is_turned_away_and_harms_nothing(opened: Callable[..., Store], tmp_path: Path) -> None:
    store = opened()
    store.append([(M, b"one")])
    program = "import sys; from tidegauge_processor.state.store import Store; Store.open(sys.argv[1])"
    second = subprocess.run([sys.executable, "-c", program, tmp_path / "state"], capture_output=True, text=True)
    path = tmp_path / "state" / FILE_NAME
    assert second.stderr.splitlines()[-1] == (
        f"tidegauge.errors.StorageError: {path} is in use by another process: "
        "stop it, or choose another state directory"
    )
    assert store.append([(M, b"two")]) == range(2, 3)
    assert {file.name for file in path.parent.iterdir()} == {FILE_NAME, f"{FILE_NAME}-wal", "tidegauge.marks"}


def test_a_newer_format_is_left_alone(opened: Callable[..., Store], tmp_path: Path) -> None:
    opened().close()
    path = tmp_path / "state" / FILE_NAME
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 5")
        connection.execute("CREATE TABLE something_new (value)")
    connection.close()
    with pytest.raises(StorageError) as caught:
        opened()
    assert str(caught.value) == (
        f"{path} was written by a newer Tidegauge (format 5, this one knows 4): "
        "upgrade, or choose another state directory"
    )
    assert {file.name for file in path.parent.iterdir()} == {FILE_NAME, "tidegauge.marks"}


def test_a_directory_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        Store.open(tmp_path / "file" / "state")
    assert str(caught.value) == f"cannot make the state directory {tmp_path}/file/state: Not a directory"
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StorageError, match=f"cannot open {tmp_path / FILE_NAME}: unable to open database file"):
        Store.open(tmp_path)


def test_a_full_disk_refuses_and_keeps_what_there_was(opened: Callable[..., Store]) -> None:
    store = opened()
    store.append([(M, b"one")])
    store.checkpoint(0, {"a": b"1"}, [(M, b"signal")])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StorageError, match="database or disk is full"):
        store.append([(M, b"small"), (M, bytes(100_000))])
    with pytest.raises(StorageError, match="database or disk is full"):
        store.checkpoint(1, {"a": bytes(100_000)}, [(M, b"second")])
    assert store.load() == (0, {"a": b"1"})
    assert list(store.replay(0)) == [(1, M, b"one")]
    assert [data for _, _, data in store.outbox(10)] == [b"signal"]
    assert store.outbox_size() == 1
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.append([(M, bytes(100_000))]) == range(2, 3)


def test_a_write_error_refuses_and_keeps_what_there_was(tmp_path: Path) -> None:
    """The operating system itself refuses: no file of the process may grow beyond 200 kB."""
    program = """if True:
        import resource, sys
        from tidegauge.errors import StorageError
        from tidegauge_processor.otlp.kinds import SignalKind
        from tidegauge_processor.state.store import Store
        store = Store.open(sys.argv[1])
        store.append([(SignalKind.METRICS, b"one")])
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        try:
            store.append([(SignalKind.METRICS, bytes(1_000_000))])
        except StorageError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(store.append([(SignalKind.METRICS, b"two")]))
        store.close()
    """
    child = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    refusal, accepted = child.stdout.splitlines()
    assert refusal.startswith(f"cannot use the state in {tmp_path / FILE_NAME}: ")
    assert accepted == "range(2, 3)"
    store = Store.open(tmp_path)
    assert list(store.replay(0)) == [(1, M, b"one"), (2, M, b"two")]
    store.close()


def test_a_closed_store_says_so(opened: Callable[..., Store]) -> None:
    store = opened()
    store.close()
    with pytest.raises(StorageError, match="closed database"):
        store.append([(M, b"one")])
    with pytest.raises(StorageError, match="closed database"):
        list(store.replay(0))
