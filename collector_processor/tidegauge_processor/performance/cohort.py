"""The outcomes of a stretch of predictions, each once, however often and in whatever order they came.

An entry per outcome is kept, and every count and sum is taken from the entries when it is asked for. Nothing smaller
would do: a revised outcome has to take back what the earlier one had added, and for that the earlier score and label
must still be known. Scores stay as they are; a histogram of 1,000 bins would save two bytes an outcome and cost the
area under the ROC curve its last digits. Of the scores of every class, which are many, the codes that receipts carry
are kept (`tidegauge.score_codes`), apart from the rest, so that outcomes without such scores have no room for them.

Of the outcomes of one prediction the one that was recorded last counts; at the same instant the greater actual (text
after numbers), and then the greater of what else differs. That is an order in which every two outcomes have a place,
so the state is a maximum per prediction: it does not depend on order, batching or repetition. It holds for an outcome
that cannot be read as well: that is the last word on the prediction, and which classes there are is known only when
the cohort is measured. Then it is set aside and counted.

An id is kept as 56 bits of its BLAKE2b hash. Two of 40,000 predictions share these with a probability of 1e-8; then
one of the two would be missing.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tidegauge.errors import WireError
from tidegauge.score_codes import CODE
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.performance.packing import pack, unpack
from tidegauge_processor.performance.table import Kind, Table

FORMAT: Final = "tidegauge.cohort/3"
"""Version of what `Cohort.dump` writes."""

Fate = Literal["new", "duplicate", "revised", "stale"]

_HASH_BYTES: Final = 7
_NUMBERS: Final = ("score", "value", "actual")
_INTEGERS: Final = ("recorded", "predicted", "group")
_ROW: Final = np.dtype([*((name, "i8") for name in _INTEGERS), ("kind", "i4"), *((name, "f8") for name in _NUMBERS)])
_MOST_FRESH: Final = 4096
_NO_IDS: Final = np.empty(0, dtype=np.int64)
_NO_ROWS: Final = np.empty(0, dtype=_ROW)
_NO_CODES: Final = np.empty((0, 0), dtype=CODE)

_NO_SET: Final = ("", 0)
_SHORT: Final = len(_INTEGERS) + 1 + len(_NUMBERS)

_Row = tuple[Any, ...]  # the columns of _ROW and, for a kind with scores of every class, their codes


class Cohort:
    """Outcomes of the predictions of one stretch of time, each counted once.

    Example:
        >>> cohort = Cohort()
        >>> late = Outcome("p1", 0, 60, "late", 0.8, None, "late")
        >>> cohort.add(late), cohort.add(late), cohort.add(Outcome("p1", 0, 90, "late", 0.8, None, "on time"))
        ('new', 'duplicate', 'revised')
        >>> cohort.labels
        1
    """

    __slots__ = ("_codes", "_fresh", "_ids", "_kinds", "_places", "_rows")

    def __init__(self) -> None:
        self._kinds: list[Kind] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._ids = _NO_IDS  # ascending, with their rows beside them
        self._rows = _NO_ROWS
        self._codes = _NO_CODES
        self._fresh: dict[int, _Row] = {}  # added since; an id in both counts here

    def add(self, outcome: Outcome) -> Fate:
        """Count ``outcome`` unless it, or a later one of the same prediction, has been counted.

        Returns:
            ``new`` for the first outcome of a prediction, ``duplicate`` when it says what is known already,
            ``revised`` when it replaces an earlier one, ``stale`` when a later one has replaced it already.
        """
        score, value, actual = outcome.score, outcome.value, outcome.actual
        text = actual if isinstance(actual, str) else None
        every = outcome.class_scores
        kind = (
            *(text, outcome.klass, score is not None, value is not None, outcome.segments),
            *(_NO_SET if every is None else (every.class_set, every.classes)),
        )
        code = self._places.get(kind)
        if code is None:
            code = self._new_kind(kind)
        # Adding 0.0 makes -0.0 the 0.0 that it equals, and a float of an int.
        row = (
            outcome.recorded_at,
            outcome.predicted_at,
            hash_of(outcome.group) if outcome.group else 0,
            code,
            0.0 if score is None else score + 0.0,
            0.0 if value is None else value + 0.0,
            0.0 if isinstance(actual, str) else actual + 0.0,
        )
        return self._put(hash_of(outcome.id), row if every is None else (*row, every.codes))

    @property
    def labels(self) -> int:
        """Number of predictions with an outcome."""
        self._settle()
        return int(self._ids.size)

    def table(self) -> Table:
        """The outcomes as columns; the same outcomes give the same columns."""
        self._settle()
        used, kind = self._used_kinds()
        score, value, actual = (self._rows[name].copy() for name in _NUMBERS)
        score[~_mask([k.has_score for k in used], kind)] = np.nan
        value[~_mask([k.has_value for k in used], kind)] = np.nan
        actual[_mask([k.actual is not None for k in used], kind)] = np.nan
        made = self._rows["predicted"].copy()
        delay, group = np.maximum(self._rows["recorded"] - made, 0), self._rows["group"].copy()
        codes = self._codes[:, : max((k.classes for k in used), default=0)].copy()
        return Table(used, kind, score, value, actual, made, delay, group, np.ones(made.size), codes)

    def __iadd__(self, other: Cohort) -> Cohort:
        other._settle()
        places = [self._places[kind] if kind in self._places else self._new_kind(kind) for kind in other._kinds]
        for at, hashed in enumerate(other._ids.tolist()):
            recorded, made, group, kind, *rest = other._row(at)
            self._put(hashed, (recorded, made, group, places[kind], *rest))
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cohort) and self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]

    def dump(self) -> dict[str, Any]:
        """Canonical plain values, for JSON: equal cohorts give equal dumps."""
        self._settle()
        used, kind = self._used_kinds()
        gaps = np.diff(self._ids, prepend=0)
        classes = np.array([k.classes for k in used], dtype=np.int64)
        every = self._codes[classes[kind] > 0, : classes.max(initial=0)]
        return {
            "format": FORMAT,
            "labels": int(self._ids.size),
            "kinds": [[*k[:4], [list(pair) for pair in k.segments], *k[5:]] for k in used],
            "id": pack(gaps),
            "kind": pack(kind),
            "codes": [pack(column.astype(np.int64)) for column in every.T],
        } | {name: pack(self._rows[name].copy().view(np.int64)) for name in (*_INTEGERS, *_NUMBERS)}

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Cohort:
        """Read what `dump` wrote.

        Raises:
            WireError: the values are of another version.
        """
        if plain.get("format") != FORMAT:
            raise WireError(f"a cohort of format {plain.get('format')!r} cannot be read; this version reads {FORMAT!r}")
        cohort, labels = cls(), plain["labels"]
        for actual, klass, has_score, has_value, segments, *every in plain["kinds"]:
            cohort._new_kind((actual, klass, has_score, has_value, tuple((name, at) for name, at in segments), *every))
        cohort._ids = np.cumsum(unpack(plain["id"], labels))
        cohort._rows = np.empty(labels, dtype=_ROW)
        cohort._rows["kind"] = unpack(plain["kind"], labels)
        for name in _INTEGERS:
            cohort._rows[name] = unpack(plain[name], labels)
        for name in _NUMBERS:
            cohort._rows[name] = unpack(plain[name], labels).view(np.float64)
        cohort._codes = np.zeros((labels, len(plain["codes"])), dtype=CODE)
        has = _mask([k.classes > 0 for k in cohort._kinds], cohort._rows["kind"])
        for place, column in enumerate(plain["codes"]):
            cohort._codes[has, place] = unpack(column, int(np.count_nonzero(has)))
        return cohort

    def _put(self, hashed: int, row: _Row) -> Fate:
        known = self._fresh.get(hashed) or self._settled(hashed)
        if known is None:
            self._fresh[hashed] = row
            if len(self._fresh) >= max(_MOST_FRESH, self._ids.size):  # each row is sorted a few times, not often
                self._settle()
            return "new"
        if row == known:
            return "duplicate"
        later = self._place(row) > self._place(known)
        if later:
            self._fresh[hashed] = row
        if row[1:] == known[1:]:
            return "duplicate"
        return "revised" if later else "stale"

    def _settled(self, hashed: int) -> _Row | None:
        at = self._ids.searchsorted(hashed)
        if at == self._ids.size or self._ids[at] != hashed:
            return None
        return self._row(int(at))

    def _row(self, at: int) -> _Row:
        row: _Row = self._rows[at].item()
        classes = self._kinds[row[3]].classes
        return (*row, self._codes[at, :classes].tobytes()) if classes else row

    def _place(self, row: _Row) -> tuple[Any, ...]:
        recorded, made, group, code, score, value, actual, *every = row
        kind = self._kinds[code]
        text = kind.actual is not None, kind.actual or ""
        return recorded, *text, actual, kind.order(), score, value, made, group, *every

    def _new_kind(self, kind: tuple[Any, ...]) -> int:
        self._kinds.append(Kind(*kind))
        self._places[kind] = len(self._kinds) - 1
        return len(self._kinds) - 1

    def _settle(self) -> None:
        """Sort the fresh rows in among the others."""
        if not self._fresh:
            return
        fresh = np.fromiter(self._fresh, dtype=np.int64, count=len(self._fresh))
        kept = ~np.isin(self._ids, fresh, assume_unique=True)
        ids = np.concatenate([self._ids[kept], fresh])
        given = list(self._fresh.values())
        codes = _matrix([row[_SHORT] if len(row) > _SHORT else b"" for row in given], self._codes[kept])
        if codes.shape[1]:
            given = [row[:_SHORT] for row in given]
        rows = np.concatenate([self._rows[kept], np.array(given, dtype=_ROW)])
        order = np.argsort(ids)
        self._ids, self._rows, self._codes = ids[order], rows[order], codes[order]
        self._fresh.clear()

    def _used_kinds(self) -> tuple[tuple[Kind, ...], NDArray[np.int64]]:
        """The kinds that rows have, in an order of their own, and each row's index among them."""
        codes, inverse = np.unique(self._rows["kind"], return_inverse=True)
        kinds = [self._kinds[code] for code in codes.tolist()]
        order = sorted(range(len(kinds)), key=lambda index: kinds[index].order())
        rank = np.empty(len(kinds), dtype=np.int64)
        rank[order] = np.arange(len(kinds))
        return tuple(kinds[index] for index in order), rank[inverse]


def hash_of(text: str) -> int:
    """What stands for an id, or for the name of a list: 56 bits."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest(), "big")


def _matrix(given: list[bytes], known: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The ``known`` codes and below them the ``given``, with zeros where a row has fewer than another."""
    width = max(known.shape[1], max(map(len, given)) // CODE.itemsize)
    codes = np.zeros((len(known) + len(given), width), dtype=CODE)
    codes[: len(known), : known.shape[1]] = known
    if width:
        filled = b"".join(row.ljust(width * CODE.itemsize, b"\0") for row in given)
        codes[len(known) :] = np.frombuffer(filled, CODE).reshape(-1, width)
    return codes


def _mask(of_kind: list[bool], kind: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.array(of_kind, dtype=np.bool_)[kind]
