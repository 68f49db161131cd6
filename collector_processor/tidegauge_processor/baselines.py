"""The baselines that the processor knows: from a folder, from its own store, and from applications that publish them.

A baseline is known by the digest of its content, so a repeat changes nothing and nothing can be mistaken for another.
Published baselines come in parts (`parts`), and are kept as long as there is room for them (`shelf_room`). Which
baselines were learned here says the key under which they are stored, and nothing that stands in them: that is the word
of whoever published them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tidegauge.baseline import Baseline
from tidegauge.errors import BaselineError
from tidegauge_processor.baseline_bounds import check_bounds
from tidegauge_processor.config import sections
from tidegauge_processor.otlp.limits import Limits
from tidegauge_processor.parts import Parts
from tidegauge_processor.records import BaselinePart, ModelKey
from tidegauge_processor.shelf_room import BASELINES, ShelfRoom

LARGEST: Final = 64 << 20
"""Bytes that a published baseline may have when unpacked."""

_LIMITS: Final = sections.Limits()
_LEARNED_HERE: Final = "learned:"


class RefusedError(BaselineError):
    """A published baseline is not taken.

    Attributes:
        reason: what it is counted under.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Published(NamedTuple):
    """A baseline that has become complete.

    Attributes:
        baseline: itself.
        data: its JSON.
        leaving: ids of those that had to go for it.
    """

    baseline: Baseline
    data: bytes
    leaving: tuple[str, ...]


def learned_key(id: str) -> str:
    """Key under which a baseline is stored that the processor has learned; a published one is stored under its id."""
    return _LEARNED_HERE + id


class Baselines(Mapping[str, Baseline]):
    """Baselines by id.

    Args:
        known: baselines read before.
        limits: how much may be published, and how long names in it may be.

    Attributes:
        parts: parts of those that are not complete yet.
        unreadable: what is wrong with the stored baselines that could not be read, by their keys.
    """

    def __init__(self, known: Mapping[str, Baseline] | None = None, limits: sections.Limits = _LIMITS) -> None:
        self._known = dict(known or {})
        self._limits = Limits.of(limits)
        self._learned: set[str] = set()
        self._by_model = {ModelKey(b.model, b.version): b for b in self._known.values()}
        self._room = ShelfRoom(limits.baselines_mib << 20)
        self.parts = Parts(limits.baseline_pending_mib << 20)
        self.unreadable: dict[str, str] = {}

    @classmethod
    def read(cls, folder: Path | None, stored: Mapping[str, bytes], limits: sections.Limits = _LIMITS) -> Baselines:
        """Read those in the store and those in ``folder`` (``*.json``); the folder's come last and so are in force.

        Of the stored ones those that were learned come first: one that somebody made stands above them. One that
        cannot be used is left out and named in `unreadable`; of the folder's it is an error.

        Raises:
            BaselineError: the folder or a file in it cannot be read.
        """
        found = cls(limits=limits)
        for key, data in sorted(stored.items(), key=lambda item: not item[0].startswith(_LEARNED_HERE)):
            try:
                learned = key.startswith(_LEARNED_HERE)
                found.add(read_baseline(data, found._limits), learned=learned)
                if not learned:
                    found._room.put(key, len(data))
            except BaselineError as error:
                found.unreadable[key] = str(error)
        if folder is not None:
            if not folder.is_dir():
                raise BaselineError(f"baselines: {folder} is not a folder; create it or take the key out")
            for path in sorted(folder.glob("*.json")):
                own = _of_file(path, found._limits)
                found.add(own)
                found._room.remove(own.id)  # what people put there stays
        return found

    def __getitem__(self, id: str) -> Baseline:
        self._room.use(id)
        return self._known[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, model: ModelKey, in_force: str = "") -> Baseline | None:
        """The baseline that its windows are compared with, or else the latest one of a model version.

        Whoever publishes another one changes nothing as long as predictions are counted by the first. One that was
        learned gives way to one that somebody made.
        """
        latest, known = self._by_model.get(model), self._known.get(in_force)
        return latest if known is None or (latest is not None and in_force in self._learned) else known

    def learned(self) -> list[Baseline]:
        """Those that the processor has learned."""
        return [self._known[id] for id in sorted(self._learned)]

    def add(self, baseline: Baseline, *, learned: bool = False) -> None:
        """Take up a baseline, which is then in force; ``learned`` by the processor itself or made by somebody."""
        self._known[baseline.id] = baseline
        self._by_model[ModelKey(baseline.model, baseline.version)] = baseline
        if learned:
            self._learned.add(baseline.id)

    def add_part(
        self, part: BaselinePart, now: int = 0, in_force: Callable[[], Collection[str]] = frozenset
    ) -> Published | None:
        """Take up a published part; the baseline when it is the last one missing.

        Args:
            part: the part.
            now: the clock on the wall, ns since the epoch.
            in_force: gives the ids of the baselines that windows are compared with, which are kept.

        Raises:
            RefusedError: the parts together are not the baseline that they promise, or there is no room for it.
        """
        known = self._known.get(part.baseline)
        if known is not None:
            self.add(known)  # published again, perhaps after another one: it is in force
            return None
        try:
            packed = self.parts.add(part, now)
            published = None if packed is None else self._complete(part.baseline, _unpacked(packed), in_force())
        except BaselineError as error:
            self.parts.refuse(part)
            raise RefusedError(getattr(error, "reason", "baseline"), str(error)) from error
        if published is not None:
            self.parts.forget(part.baseline)
        return published

    def _complete(self, id: str, data: bytes, in_force: Collection[str]) -> Published:
        leaving = self._room.leaving(len(data), in_force)
        if leaving is None:
            raise RefusedError(BASELINES, f"baseline {id}: those in use take up limits.{BASELINES}")
        baseline = read_baseline(data, self._limits)
        if baseline.id != id:
            raise BaselineError(f"baseline {id} was published with the content of {baseline.id}")
        for each in leaving:
            self._remove(each)
        self._room.put(id, len(data))
        self.add(baseline)
        return Published(baseline, data, tuple(leaving))

    def _remove(self, id: str) -> None:
        self._room.remove(id)
        gone = self._known.pop(id)
        key = ModelKey(gone.model, gone.version)
        if self._by_model.get(key) == gone:
            del self._by_model[key]


def read_baseline(data: bytes, limits: Limits) -> Baseline:
    """Read a baseline that anybody may have written.

    Raises:
        BaselineError: it cannot be read, or cannot be worked with.
    """
    try:
        baseline = Baseline.from_bytes(data)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise BaselineError(f"not a baseline: {type(error).__name__} {error}") from error
    check_bounds(baseline, limits)
    return baseline


def _of_file(path: Path, limits: Limits) -> Baseline:
    baseline = Baseline.load(path)
    try:
        check_bounds(baseline, limits)
    except BaselineError as error:
        raise BaselineError(f"cannot use baseline {str(path)!r}: {error}") from error
    return baseline


def _unpacked(data: bytes) -> bytes:
    unpack = zlib.decompressobj(wbits=31)  # 31: gzip
    try:
        plain = unpack.decompress(data, LARGEST)
    except zlib.error as error:
        raise BaselineError(f"a published baseline is not gzip: {error}") from None
    if unpack.unconsumed_tail or not unpack.eof:
        raise BaselineError(f"a published baseline is cut off or larger than {LARGEST >> 20} MiB")
    return plain
