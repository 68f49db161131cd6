"""A probability in two bytes, for what carries the scores of every class: receipts, and outcomes that are kept.

A score may lie very close to 0 or to 1. Which of two such scores is the greater matters to a ROC curve, and how small
the score of the true class was to the log loss. So what is written is the distance to the nearer end: 2**16 times the
distance as a half-precision float (IEEE 754 binary16, without its sign bit), and in the place of the sign whether the
nearer end is 1. A score is known within 2**-11 of that distance; distances below 2**-30 within 2**-41. Both ends, and
the middle, stay what they are. Read again, the greater of two scores is never the smaller, though close neighbours
become equal.

Which classes the scores are of goes with them as a fingerprint: it says whether whoever reads them means the same
classes, in the same order, and has four bytes whatever the names are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

CODE: Final = np.dtype(">u2")
"""How codes are kept as bytes: these compare like the numbers."""

_NEAR_ONE: Final = 0x8000
_HALF: Final = 0x7800  # the distance of 0.5, the longest
_SCALE: Final = 65_536.0
_SET_BYTES: Final = 4


class ScoreCodes(NamedTuple):
    """The scores of every class for one row.

    Attributes:
        class_set: which classes, see `class_set_of`.
        codes: two bytes a class, as `CODE`.

    Example:
        >>> scores = ScoreCodes(class_set_of(["bus", "car"]), to_codes(np.array([0.25, 0.75])).tobytes())
        >>> scores.class_set, scores.classes, scores.scores
        ('28593b31', 2, [0.25, 0.75])
    """

    class_set: str
    codes: bytes

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.codes) // CODE.itemsize

    @property
    def scores(self) -> list[float]:
        """The scores, as well as they are known."""
        found: list[float] = from_codes(np.frombuffer(self.codes, CODE)).tolist()
        return found


def class_set_of(names: Sequence[str]) -> str:
    """Fingerprint of the classes ``names``, in this order: 8 hexadecimal digits."""
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()[:_SET_BYTES].hex()


def to_codes(scores: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Codes of ``scores`` from 0 to 1, of any shape; scores that `from_codes` gave have the codes that it was given.

    >>> [f"{code:04x}" for code in to_codes(np.array([0.0, 1e-9, 0.5, 0.9, 1.0])).tolist()]
    ['0000', '044c', '7800', 'ee66', '8000']
    """
    high = scores > 0.5
    distance = np.where(high, 1.0 - scores, scores + 0.0)  # adding 0.0 makes -0.0 the 0.0 that it equals
    codes = (distance * _SCALE).astype(np.float16).view(np.uint16)
    found = np.where(high & (codes < _HALF), codes | _NEAR_ONE, codes)
    return found.astype(CODE)


def from_codes(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Scores of ``codes``, of any shape.

    >>> from_codes(to_codes(np.array([0.0, 0.125, 0.5, 1.0]))).tolist()
    [0.0, 0.125, 0.5, 1.0]
    """
    native = codes.astype(np.uint16)
    distance = (native & (_NEAR_ONE - 1)).view(np.float16).astype(np.float64) / _SCALE
    return np.where(native & _NEAR_ONE, 1.0 - distance, distance)


def are_codes(codes: bytes) -> bool:
    """Whether `to_codes` may have written ``codes``."""
    found = np.frombuffer(codes, CODE)
    return bool(((found & (_NEAR_ONE - 1)) <= _HALF).all() and (found != _NEAR_ONE | _HALF).all())
