"""Columns of 64-bit integers as short text, the same text for the same numbers.

One rule for every column: take away the smallest number, divide by the greatest common divisor of the rest, write with
as few bits as the largest then needs. So a constant column costs nothing, times that are whole seconds cost no
nanoseconds, and probabilities that a model computed in single precision cost half of a double. Unlike a general
compressor the rule has no versions: equal columns are equal text on every machine.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORD = 64


def pack(column: NDArray[np.int64]) -> list[Any]:
    """Write ``column``, shape ``(n,)``, as smallest number, divisor, bits a number, and base64 of the bits.

    >>> pack(np.array([1000, 4000, 1000]))
    [1000, 3000, 1, 'QA==']
    >>> pack(np.array([7, 7]))
    [7, 1, 0, '']
    """
    if column.size == 0:
        return [0, 1, 0, ""]
    lowest = int(column.min())
    above = column.view(np.uint64) - np.uint64(lowest % (1 << _WORD))  # wraps, so that any two int64 have a distance
    divisor = int(np.gcd.reduce(above)) or 1
    above //= np.uint64(divisor)
    width = int(above.max()).bit_length()
    bits = np.unpackbits(above.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)[:, _WORD - width :]
    return [lowest, divisor, width, base64.b64encode(np.packbits(bits).tobytes()).decode("ascii")]


def unpack(packed: list[Any], size: int) -> NDArray[np.int64]:
    """Read the ``size`` numbers that `pack` wrote.

    >>> unpack(pack(np.array([-1, 2**63 - 1, -(2**63)])), 3).tolist() == [-1, 2**63 - 1, -(2**63)]
    True
    """
    lowest, divisor, width, text = packed
    data = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    bits = np.zeros((size, _WORD), dtype=np.uint8)
    bits[:, _WORD - width :] = np.unpackbits(data, count=size * width).reshape(size, width)
    above = np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)
    return (above * np.uint64(divisor) + np.uint64(lowest % (1 << _WORD))).view(np.int64)
