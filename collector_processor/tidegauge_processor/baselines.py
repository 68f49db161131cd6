"""The baselines that the processor knows: from a folder, from its own store, and from applications that publish them.

A baseline is known by the digest of its content, so a repeat changes nothing and nothing can be mistaken for another.
Published baselines come in parts, in any order, each possibly more than once. Which baselines were learned here says
the key under which they are stored, and nothing that stands in them: that is the word of whoever published them.
"""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tidegauge.baseline import Baseline
from tidegauge.errors import BaselineError
from tidegauge_processor.baseline_bounds import check_bounds
from tidegauge_processor.otlp.limits import DEFAULT, Limits
from tidegauge_processor.records import BaselinePart, ModelKey

LARGEST: Final = 64 << 20
"""Bytes that a published baseline may have when unpacked."""

_MOST_PENDING: Final = 32
_LEARNED_HERE: Final = "learned:"

_log = logging.getLogger(__name__)


def learned_key(id: str) -> str:
    """Key under which a baseline is stored that the processor has learned; a published one is stored under its id."""
    return _LEARNED_HERE + id


class Baselines(Mapping[str, Baseline]):
    """Baselines by id.

    Args:
        known: baselines read before.
        limits: how long names in published ones may be.

    Attributes:
        unreadable: what is wrong with the stored baselines that could not be read, by their keys.
    """

    def __init__(self, known: Mapping[str, Baseline] | None = None, limits: Limits = DEFAULT) -> None:
        self._known = dict(known or {})
        self._limits = limits
        self._learned: set[str] = set()
        self._by_model = {ModelKey(b.model, b.version): b for b in self._known.values()}
        self._pending: dict[str, dict[int, BaselinePart]] = {}
        self.unreadable: dict[str, str] = {}

    @classmethod
    def read(cls, folder: Path | None, stored: Mapping[str, bytes], limits: Limits = DEFAULT) -> Baselines:
        """Read those in the store and those in ``folder`` (``*.json``); the folder's come last and so are in force.

        Of the stored ones those that were learned come first: one that somebody made stands above them. One that
        cannot be used is left out and named in `unreadable`; of the folder's it is an error.

        Raises:
            BaselineError: the folder or a file in it cannot be read.
        """
        found = cls(limits=limits)
        for key, data in sorted(stored.items(), key=lambda item: not item[0].startswith(_LEARNED_HERE)):
            try:
                found.add(read_baseline(data, limits), learned=key.startswith(_LEARNED_HERE))
            except BaselineError as error:
                found.unreadable[key] = str(error)
        if folder is not None:
            if not folder.is_dir():
                raise BaselineError(f"baselines: {folder} is not a folder; create it or take the key out")
            for path in sorted(folder.glob("*.json")):
                found.add(_of_file(path, limits))
        return found

    def __getitem__(self, id: str) -> Baseline:
        return self._known[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, model: ModelKey) -> Baseline | None:
        """The latest baseline of a model version."""
        return self._by_model.get(model)

    def learned(self) -> list[Baseline]:
        """Those that the processor has learned."""
        return [self._known[id] for id in sorted(self._learned)]

    def add(self, baseline: Baseline, *, learned: bool = False) -> None:
        """Take up a baseline, which is then in force; ``learned`` by the processor itself or made by somebody."""
        self._known[baseline.id] = baseline
        self._by_model[ModelKey(baseline.model, baseline.version)] = baseline
        if learned:
            self._learned.add(baseline.id)

    def dump_pending(self) -> bytes | None:
        """Parts of baselines that are not complete, as bytes; None when there are none."""
        rows = [
            [part.baseline, part.part, part.parts, base64.b64encode(part.body).decode()]
            for parts in self._pending.values()
            for part in parts.values()
        ]
        return json.dumps(rows).encode() if rows else None

    def load_pending(self, data: bytes) -> None:
        """Read what `dump_pending` wrote."""
        for baseline, part, parts, body in json.loads(data):
            self.add_part(BaselinePart(baseline, part, parts, base64.b64decode(body)))

    def add_part(self, part: BaselinePart) -> Baseline | None:
        """Take up a published part; the baseline when it is the last one missing.

        Raises:
            BaselineError: the parts together are not the baseline that they promise, or too many baselines wait for
                parts, so that the oldest of them was given up.
        """
        known = self._known.get(part.baseline)
        if known is not None:
            self.add(known)  # published again, perhaps after another one: it is in force
            return None
        parts = self._pending.setdefault(part.baseline, {})
        parts[part.part] = part
        if len(parts) < part.parts:
            if len(self._pending) > _MOST_PENDING:
                oldest = next(iter(self._pending))
                del self._pending[oldest]
                raise BaselineError(f"baseline {oldest} is given up: {_MOST_PENDING} others wait for their parts too")
            return None
        del self._pending[part.baseline]
        baseline = read_baseline(_unpacked(b"".join(parts[number].body for number in sorted(parts))), self._limits)
        if baseline.id != part.baseline:
            raise BaselineError(f"baseline {part.baseline} was published with the content of {baseline.id}")
        self.add(baseline)
        return baseline


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
