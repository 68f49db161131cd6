"""The baselines that the processor knows: from a folder, from its own store, and from applications that publish them.

A baseline is known by the digest of its content, so a repeat changes nothing and nothing can be mistaken for another.
Published baselines come in parts, in any order, each possibly more than once.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tidegauge.baseline import Baseline
from tidegauge.errors import BaselineError
from tidegauge_processor.learned import is_learned
from tidegauge_processor.records import BaselinePart, ModelKey

LARGEST: Final = 64 << 20
"""Bytes that a published baseline may have when unpacked."""

_MOST_PENDING: Final = 32


class Baselines(Mapping[str, Baseline]):
    """Baselines by id.

    Args:
        known: baselines read before.
    """

    def __init__(self, known: Mapping[str, Baseline] | None = None) -> None:
        self._known = dict(known or {})
        self._by_model = {ModelKey(b.model, b.version): b for b in self._known.values()}
        self._pending: dict[str, dict[int, BaselinePart]] = {}

    @classmethod
    def read(cls, folder: Path | None, stored: Mapping[str, bytes]) -> Baselines:
        """Read those in the store and those in ``folder`` (``*.json``); the folder's come last and so are in force.

        Of the stored ones those that were learned come first: one that somebody made stands above them.

        Raises:
            BaselineError: the folder or a file in it cannot be read.
        """
        found = sorted((Baseline.from_bytes(data) for data in stored.values()), key=lambda each: not is_learned(each))
        if folder is not None:
            if not folder.is_dir():
                raise BaselineError(f"baselines: {folder} is not a folder; create it or take the key out")
            found += [Baseline.load(path) for path in sorted(folder.glob("*.json"))]
        return cls({baseline.id: baseline for baseline in found})

    def __getitem__(self, id: str) -> Baseline:
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
        return latest if known is None or (latest is not None and is_learned(known)) else known

    def add(self, baseline: Baseline) -> None:
        """Take up a baseline."""
        self._known[baseline.id] = baseline
        self._by_model[ModelKey(baseline.model, baseline.version)] = baseline

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
        baseline = Baseline.from_bytes(_unpacked(b"".join(parts[number].body for number in sorted(parts))))
        if baseline.id != part.baseline:
            raise BaselineError(f"baseline {part.baseline} was published with the content of {baseline.id}")
        self.add(baseline)
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
