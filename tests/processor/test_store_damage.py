"""What the store does about each kind of damage, with real files."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.processor.edges import Counts
from tidegauge.errors import StorageError
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.state.database import FILE_NAME, schema
from tidegauge_processor.state.database.losses import FOLDER, MOST_FILES
from tidegauge_processor.state.database.rows import checksum
from tidegauge_processor.state.join import Change, Changes
from tidegauge_processor.state.store import Store

M, L = SignalKind.METRICS, SignalKind.LOGS
UNITS = {f'["model-{number}", "7", "window", 0]': b"%d" % number * 3_000 for number in range(20)}
JOINED = [Change(b"%016d" % number, True, f"model-{number % 3}", 1_000 + number, 1, b"half") for number in range(50)]


class Bench:
    """A store in a folder, filled, closed and opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self.counts = Counts()
        with closing(Store.open(folder)) as store:
            fill(store)

    def open(self) -> Store:
        self.counts = Counts()
        return Store.open(self.folder, counter=self.counts)

    def content(self) -> dict[str, Any]:
        """All that the store has, read as the processor reads it."""
        with closing(self.open()) as store:
            position, units = store.load()
            return {
                "position": position,
                "units": units,
                "inbox": list(store.replay(position)),
                "baselines": store.baselines(),
                "outbox": [row[1:] for row in store.outbox(100)],
                "joins": {change.key: store.joined(change.key) for change in JOINED},
                "until": store.joined_until(),
            }

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def flip(self, place: int, bit: int = 0) -> None:
        data = bytearray(self.path.read_bytes())
        data[place] ^= 1 << bit
        self.path.write_bytes(data)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def fill(store: Store) -> None:
    store.append([(M, b"request %d" % number * 100) for number in range(5)])
    store.save_baseline("aa", b"first" * 500)
    store.save_baseline("bb", b"second" * 500)
    signals = [(L, b"signal %d" % number * 100) for number in range(4)]
    store.checkpoint(2, UNITS, signals, Changes(JOINED, {}, 100))


def whole() -> dict[str, Any]:
    return {
        "position": 2,
        "units": UNITS,
        "inbox": [(number + 1, M, b"request %d" % number * 100) for number in range(2, 5)],
        "baselines": {"aa": b"first" * 500, "bb": b"second" * 500},
        "outbox": [(L, b"signal %d" % number * 100) for number in range(4)],
        "joins": dict.fromkeys((change.key for change in JOINED), b"half"),
        "until": {"model-0": 1_048, "model-1": 1_049, "model-2": 1_047},
    }


REBUILT = "tidegauge.store.rebuilt"
KEY = b"%016d" % 7


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("damage", "table", "name"),
    [
        ("UPDATE inbox SET data = zeroblob(length(data)) WHERE id = 4", "inbox", "request 4"),
        ("UPDATE inbox SET kind = 'traces' WHERE id = 4", "inbox", "request 4"),
        ("UPDATE units SET data = data || '0' WHERE rowid = 3", "units", 'unit ["model-2", "7", "window", 0]'),
        ("UPDATE units SET key = 'another' WHERE rowid = 3", "units", "unit another"),
        ("UPDATE units SET key = CAST(X'FF' AS TEXT) WHERE rowid = 3", "units", "unit"),
        ("UPDATE units SET checksum = 'x' WHERE rowid = 3", "units", 'unit ["model-2", "7", "window", 0]'),
        ("UPDATE baselines SET data = X'00' WHERE id = 'bb'", "baselines", "baseline bb"),
        ("UPDATE outbox SET data = X'00' WHERE id = 2", "outbox", "signal 2"),
        ("UPDATE outbox SET kind = 'nothing' WHERE id = 2", "outbox", "signal 2"),
        ("UPDATE joins SET data = X'FF' WHERE number = 8", "joins", f"joined prediction {KEY.hex()}"),
        ("UPDATE joins SET waiting = 5 WHERE number = 8", "joins", f"joined prediction {KEY.hex()}"),
    ],
)
def test_a_row_that_does_not_hold_is_set_aside_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture, damage: str, table: str, name: str
) -> None:
    bench.execute(damage)
    found, expected = bench.content(), whole()
    assert {part for part in expected if found[part] != expected[part]} == {table}
    assert bench.counts() == {f"{REBUILT}{{reason=checksum,table={table}}}": 1}
    (line,) = said(caplog)
    assert line.startswith(f"the {name}")
    (kept,) = (bench.folder / FOLDER).iterdir()
    assert line.endswith(f"it is kept as {kept}")
    assert b"checksum" in kept.read_bytes().splitlines()[0]
    assert bench.content() == found
    if table != "inbox":  # which the next checkpoint empties
        assert bench.counts() == {}


def test_keys_of_the_join_that_do_not_hold_are_said_when_they_go(bench: Bench) -> None:
    bench.execute("UPDATE joins SET waiting = 1000 WHERE number = 8")
    with closing(bench.open()) as store:
        store.checkpoint(2, {}, [], Changes([], {"model-0": 2_000, "model-1": 2_000, "model-2": 2_000}, 100))
        assert store.join_size() == 0
    assert bench.counts() == {
        f"{REBUILT}{{reason=checksum,table=joins}}": 1,
        "tidegauge.join.evicted{reason=expired}": 50,
        "tidegauge.join.misses{}": 49,
    }


@pytest.mark.parametrize("damage", ["UPDATE position SET value = 77", "DELETE FROM position"])
def test_a_position_that_does_not_hold_is_found_again(
    bench: Bench, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    bench.execute(damage)
    assert bench.content() == whole()
    assert ["position" in line for line in said(caplog)] == [True]
    assert bench.content() == whole()
    assert bench.counts() == {}


@pytest.mark.parametrize(
    ("damage", "table", "number"),
    [
        ("DELETE FROM units WHERE rowid = 3", "units", 1),
        ("DELETE FROM joins WHERE number < 4", "joins", 3),
        ("DELETE FROM inbox WHERE id = 4", "inbox", 1),
        ("DELETE FROM inbox WHERE id >= 4", "inbox", 2),
    ],
)
def test_a_row_that_is_gone_is_missed(bench: Bench, damage: str, table: str, number: int) -> None:
    bench.execute(damage)
    bench.content()
    assert bench.counts() == {f"{REBUILT}{{reason=missing,table={table}}}": number}


def test_an_older_unit_in_the_place_of_the_latest_is_noticed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """As a page would bring back that was never written, though each row on it holds."""
    key = next(iter(UNITS))
    with closing(sqlite3.connect(bench.path)) as connection:
        old = connection.execute("SELECT data, checksum FROM units WHERE key = ?", (key,)).fetchone()
    with closing(bench.open()) as store:
        store.checkpoint(2, {key: b"newer"}, [])
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
        connection.execute("UPDATE units SET data = ?, checksum = ? WHERE key = ?", (*old, key))
    bench.content()
    assert said(caplog) == ["rows of units are missing, 1 or more: nobody knows which"]


def test_any_flipped_bit_of_the_header_leaves_every_row(bench: Bench) -> None:
    """The first hundred bytes say how to read all others."""
    good = bench.path.read_bytes()
    assert bench.content() == whole()
    for place in range(100):
        for path in bench.folder.glob(f"{FILE_NAME}*"):
            path.unlink()
        bench.path.write_bytes(good)
        bench.flip(place, place % 8)
        assert bench.content() == whole(), place


def test_every_page_in_turn_costs_only_the_rows_on_it(bench: Bench) -> None:
    good = bench.path.read_bytes()
    for start in range(0, len(good), 16_384):
        for path in bench.folder.glob(f"{FILE_NAME}*"):
            path.unlink()
        bench.path.write_bytes(good[:start] + bytes(16_384) + good[start + 16_384 :])
        found, expected = bench.content(), whole()
        damaged = {part for part in expected if found[part] != expected[part]} - {"until"}
        assert len(damaged) <= 1, start
        assert bench.counts()[f"{REBUILT}{{reason=damaged_file}}"] == 1
        tables = {key for key in bench.counts() if "table=" in key}
        assert all(any(f"table={part}" in key for key in tables) for part in damaged), start
        assert bench.content() == found
        assert bench.counts() == {}


def test_an_index_that_differs_from_its_table_costs_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(bench.path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'joins_by_time'").fetchone()
    place = bench.path.read_bytes().index(b"model-1", (page - 1) * 16_384)
    bench.flip(place + 6, 1)
    assert bench.content() == whole()
    assert bench.counts() == {f"{REBUILT}{{reason=damaged_file}}": 1}
    headline, rest = said(caplog)
    assert headline.startswith(f"{bench.path} is damaged (")
    assert rest.endswith("rows were kept, the damaged file is tidegauge.sqlite3.damaged-1")


def test_a_file_that_is_no_database_is_set_aside(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for attempt in range(1, 8):
        bench.path.write_bytes(b"this was a database once" * 1000)
        content = bench.content()
        assert (content["units"], content["inbox"]) == ({}, [])
        assert bench.path.with_name(f"{FILE_NAME}.damaged-{attempt}").read_bytes()[:4] == b"this"
        assert bench.counts()[f"{REBUILT}{{reason=damaged_file}}"] >= 1
        assert any(f"{bench.path} is damaged (file is not a database)" in line for line in said(caplog))
    left = sorted(path.name for path in bench.folder.glob(f"{FILE_NAME}.damaged-?"))
    assert left == [f"{FILE_NAME}.damaged-{number}" for number in range(3, 8)]  # the latest five


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_file_that_was_there_before_is_missed(bench: Bench, caplog: pytest.LogCaptureFixture, how: str) -> None:
    bench.path.unlink()
    if how == "empty":
        bench.path.touch()
    assert bench.content()["position"] == 0
    assert said(caplog)[0] == f"{bench.path} is {how}, but there was a state before: starting without it"
    assert bench.counts() == {
        f"{REBUILT}{{reason=missing_file}}": 1,
        f"{REBUILT}{{reason=missing,table=inbox}}": 3,
        f"{REBUILT}{{reason=older_file}}": 1,
    }
    bench.content()
    assert bench.counts() == {}


def test_millions_of_requests_are_missed_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Store.open(tmp_path)) as store:
        store._next_id = 90_000_000
        store.append([(M, b"one")])
    (tmp_path / FILE_NAME).unlink()
    counts = Counts()
    Store.open(tmp_path, counter=counts).close()
    assert counts()[f"{REBUILT}{{reason=missing,table=inbox}}"] == 90_000_000
    line = said(caplog)[1]
    assert line.startswith("rows of inbox are missing, 90,000,000: request 1, request 2, ")
    assert line.endswith(", request 20 and others")


def test_a_first_start_misses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counts = Counts()
    Store.open(tmp_path, counter=counts).close()
    Store.open(tmp_path, counter=counts).close()
    assert (counts(), said(caplog)) == ({}, [])


def test_marks_that_are_damaged_are_written_anew(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    marks = bench.folder / "tidegauge.marks"
    good = marks.read_bytes()
    marks.write_bytes(good.replace(b"5 ", b"7 ", 1))
    assert bench.content() == whole()
    assert [line[: len(str(marks)) + 11] for line in said(caplog)] == [f"{marks} is damaged"]
    assert (marks.read_bytes(), bench.counts()) == (good, {})


LEFT = """if True:
    import os, sys
    from tests.processor.test_store_damage import fill
    from tidegauge_processor.otlp.kinds import SignalKind
    from tidegauge_processor.state.store import Store
    store = Store.open(sys.argv[1])
    fill(store)
    store.append([(SignalKind.METRICS, b"acknowledged last")])
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run([sys.executable, "-c", LEFT, folder], cwd=Path(__file__).parents[2], check=False)
    return folder


@pytest.fixture
def left(killed: Path, tmp_path: Path) -> Path:
    """A state whose processor was killed: nearly all of it is in the log."""
    return Path(shutil.copytree(killed, tmp_path / "left"))


def test_a_flipped_bit_in_the_log_costs_only_its_row(left: Path, caplog: pytest.LogCaptureFixture) -> None:
    """SQLite itself drops all that comes after it, as if it had never been."""
    log = left / f"{FILE_NAME}-wal"
    data = bytearray(log.read_bytes())
    place = data.rindex(b"request 2")
    data[place] ^= 1
    log.write_bytes(data)
    counts = Counts()
    with closing(Store.open(left, counter=counts)) as store:
        assert [data for _, _, data in store.replay(2)] == [
            b"request 3" * 100,
            b"request 4" * 100,
            b"acknowledged last",
        ]
        assert store.load()[1] == UNITS
    assert counts() == {f"{REBUILT}{{reason=damaged_file}}": 1, f"{REBUILT}{{reason=checksum,table=inbox}}": 1}
    assert said(caplog)[0].endswith(
        "is damaged (its write-ahead log does not hold): it is made anew of what still holds"
    )
    assert (left / f"{FILE_NAME}.damaged-1-wal").read_bytes() == data


@pytest.mark.parametrize("cut", ["removed", "emptied", "halved", "last frame"])
def test_a_log_that_was_cut_is_missed(left: Path, cut: str) -> None:
    log = left / f"{FILE_NAME}-wal"
    size = {"emptied": 0, "halved": log.stat().st_size // 2, "last frame": log.stat().st_size - 1}.get(cut)
    if size is None:
        log.unlink()
    else:
        with log.open("r+b") as file:
            file.truncate(size)
    counts = Counts()
    with closing(Store.open(left, counter=counts)) as store:
        position, _ = store.load()
        stored = [number for number, _, _ in store.replay(position)]
    lost = counts()[f"{REBUILT}{{reason=missing,table=inbox}}"]
    there = max([position, *stored]) or 2  # of a state that begins anew, what had not yet been counted is missed
    assert there + lost == 6
    older = f"{REBUILT}{{reason=older_file}}" in counts()
    assert older == (position < 2)
    again = Counts()
    Store.open(left, counter=again).close()
    assert again() == {}


def test_a_log_without_its_file_gives_back_what_it_holds(left: Path) -> None:
    (left / FILE_NAME).unlink()
    counts = Counts()
    with closing(Store.open(left, counter=counts)) as store:
        assert store.load() == (2, UNITS)
        assert len(list(store.replay(2))) == 4
    assert counts() == {f"{REBUILT}{{reason=missing_file}}": 1}


def test_damage_that_comes_while_the_file_is_in_use_is_mended_on_the_way(bench: Bench) -> None:
    with closing(bench.open()) as store:
        connection = store._connection
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'units'").fetchone()
        connection.execute("PRAGMA shrink_memory")  # forget the pages that were read
        with bench.path.open("r+b") as file:
            file.seek((page - 1) * 16_384)
            file.write(bytes(16_384))
        assert store.checkpoint(3, {"new": b"state"}, []) == 0
        assert store.rebuilt == 1
        assert store.append([(M, b"later")]) == range(6, 7)
        assert store.checkpoint(3, UNITS, []) == 0  # as the service does, which has it in memory
    assert bench.counts()[f"{REBUILT}{{reason=damaged_file}}"] == 1
    assert bench.counts()[f"{REBUILT}{{reason=missing,table=units}}"] == 20
    found = bench.content()
    assert found["units"] == {**UNITS, "new": b"state"}
    assert found["joins"] == whole()["joins"]
    assert [data for _, _, data in found["inbox"]] == [b"request 3" * 100, b"request 4" * 100, b"later"]
    assert bench.counts() == {}


def test_rows_set_aside_do_not_fill_the_disk(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with closing(bench.open()) as store:
        store.checkpoint(2, {f"unit-{number}": b"x" for number in range(MOST_FILES + 50)}, [])
    bench.execute("UPDATE units SET checksum = 0")
    bench.content()
    assert len(list((bench.folder / FOLDER).iterdir())) == MOST_FILES
    assert bench.counts() == {f"{REBUILT}{{reason=checksum,table=units}}": MOST_FILES + 70}
    assert said(caplog)[-1] == "further losses are only counted, in tidegauge.store.rebuilt"
    assert len(said(caplog)) < MOST_FILES


def test_a_disk_without_room_for_a_new_file_leaves_the_damaged_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "state")
    bench.flip(16)  # the size of a page
    damaged = bench.path.read_bytes()
    program = """if True:
        import resource, sys
        from tidegauge.errors import StorageError
        from tidegauge_processor.state.store import Store
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        try:
            Store.open(sys.argv[1])
        except StorageError as error:
            print(error)
    """
    child = subprocess.run([sys.executable, "-c", program, bench.folder], capture_output=True, text=True, check=True)
    assert child.stdout.startswith(f"cannot rebuild the damaged {bench.path}: ")
    assert bench.path.read_bytes() == damaged
    assert sorted(path.name for path in bench.folder.glob(f"{FILE_NAME}*")) == [FILE_NAME]
    assert bench.content() == whole()


def test_a_new_file_takes_its_place_though_the_processor_was_killed_before(left: Path) -> None:
    with closing(Store.open(left)) as store:
        expected = store.load()
    path = left / FILE_NAME
    path.rename(path.with_name(f"{FILE_NAME}.new"))
    path.write_bytes(b"the damaged one")
    path.with_name(f"{FILE_NAME}-wal").write_bytes(b"its log")
    counts = Counts()
    with closing(Store.open(left, counter=counts)) as store:
        assert store.load() == expected
    assert path.with_name(f"{FILE_NAME}.damaged-1").read_bytes() == b"the damaged one"
    assert path.with_name(f"{FILE_NAME}.damaged-1-wal").read_bytes() == b"its log"
    assert counts() == {}


FIRST_FORMAT = (
    "CREATE TABLE position (value INTEGER NOT NULL)",
    "INSERT INTO position VALUES (2)",
    "CREATE TABLE inbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL)",
    "INSERT INTO inbox VALUES (3, 'metrics', X'0102')",
    "CREATE TABLE units (key TEXT PRIMARY KEY, data BLOB NOT NULL)",
    "INSERT INTO units VALUES ('credit-risk 7', X'03')",
    "CREATE TABLE baselines (id TEXT PRIMARY KEY, data BLOB NOT NULL)",
    "INSERT INTO baselines VALUES ('aa', X'04')",
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, data BLOB NOT NULL)",
    "INSERT INTO outbox (kind, data) VALUES ('logs', X'05')",
    "PRAGMA user_version = 1",
)
SECOND_FORMAT = (
    *FIRST_FORMAT,
    "CREATE TABLE joins (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model TEXT NOT NULL, "
    "touched INTEGER NOT NULL, waiting INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE INDEX joins_by_time ON joins (model, touched)",
    "INSERT INTO joins VALUES (1, X'06', 'credit-risk', 7, 1, X'08')",
    "PRAGMA user_version = 2",
)
THIRD_FORMAT = (*SECOND_FORMAT, *filter(str.strip, schema._STEPS[2].split(";")), "PRAGMA user_version = 3")


@pytest.mark.parametrize(("statements", "joins"), [(FIRST_FORMAT, 0), (SECOND_FORMAT, 1), (THIRD_FORMAT, 1)])
def test_a_file_of_an_older_format_is_taken_over(tmp_path: Path, statements: tuple[str, ...], joins: int) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 16384")
        connection.create_function("row_checksum", -1, checksum, deterministic=True)
        for statement in statements:
            connection.execute(statement)
    for _ in range(2):
        counts = Counts()
        with closing(Store.open(tmp_path, counter=counts)) as store:
            assert store.load() == (2, {"credit-risk 7": b"\3"})
            assert list(store.replay(2)) == [(3, M, b"\1\2")]
            assert store.baselines() == {"aa": b"\4"}
            assert store.outbox(9) == [(1, L, b"\5")]
            assert (store.join_size(), store.joined(b"\6")) == (joins, b"\x08" if joins else None)
        assert counts() == {}


def test_a_state_out_of_a_backup_says_what_it_does_not_have(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(bench.path, tmp_path / "backup")
    with closing(bench.open()) as store:
        store.append([(M, b"later"), (M, b"later still")])
        store.checkpoint(6, {"new": b"state"}, [])
    shutil.copy(tmp_path / "backup", bench.path)
    assert bench.content() == whole()
    assert bench.counts() == {f"{REBUILT}{{reason=missing,table=inbox}}": 2, f"{REBUILT}{{reason=older_file}}": 1}


def test_a_newer_format_is_not_taken_for_damage(bench: Bench) -> None:
    bench.execute("PRAGMA user_version = 9", "ALTER TABLE units ADD COLUMN more")
    with pytest.raises(StorageError, match="was written by a newer Tidegauge"):
        bench.open()
    bench.execute("ALTER TABLE units DROP COLUMN more")  # and now only the number is wrong
    assert bench.content() == whole()
