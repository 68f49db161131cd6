"""Protobuf's wire format: where each field of a message begins and ends, found without a parser.

A message is a row of fields, and a field a key (its number and its wire type) and a value:

| wire type | the value is |
|---|---|
| 0 | a varint: seven bits a byte, the lowest first, as long as the eighth is set |
| 1, 5 | eight bytes, four bytes |
| 2 | a length as a varint, and so many bytes: a text, or a message |
| 3, 4 | a group: fields up to the key that ends it; nobody writes these any more |

Nothing here calls itself, so no depth of nesting can do harm. See https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)

_LARGEST_KEY: Final = 2**32 - 1
_VARINT_BYTES: Final = 10
_MOST_IN_GROUP: Final = 100_000


class WireFormatError(ValueError):
    """Bytes that are no row of fields."""


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: which one.
        kind: its wire type.
        key: where it begins.
        start: where its value begins, after the length.
        end: where the value ends.
    """

    number: int
    kind: int
    key: int
    start: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Fields of the message that lies in ``data`` from ``start`` up to ``end``.

    Raises:
        WireFormatError: the bytes break off, or are no fields; the fields before were yielded.

    >>> [(field.number, field.start, field.end) for field in fields(bytes([8, 1, 18, 2, 104, 105]))]
    [(1, 1, 2), (2, 4, 6)]
    """
    end = len(data) if end is None else end
    at = start
    while at < end:
        key = at
        number, kind, at = _key(data, at, end)
        first, at = _group(data, at, end, number) if kind == GROUP else _value(data, at, end, kind)
        yield Field(number, kind, key, first, at)


def nesting(data: bytes, message: Any, most: int) -> int:
    """How deep messages lie in one another: 1 when there is none within.

    Args:
        data: a message; bytes that are no fields hold nothing.
        message: its protobuf descriptor.
        most: it looks no further once it has found more.
    """
    deepest, waiting = 0, [(0, len(data), message, 1)]
    while waiting and deepest <= most:
        start, end, kind, level = waiting.pop()
        deepest = max(deepest, level)
        try:
            for field in fields(data, start, end):
                known = kind.fields_by_number.get(field.number)
                if known is not None and known.message_type is not None and field.kind == LENGTH:
                    waiting.append((field.start, field.end, known.message_type, level + 1))
        except WireFormatError:
            continue
    return deepest


def _key(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    key, at = _varint(data, at, end)
    if not 8 <= key <= _LARGEST_KEY:
        raise WireFormatError("no field has such a key")
    return key >> 3, key & 7, at


def _value(data: bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """Start and end of a value that is no group."""
    if kind == VARINT:
        start, stop = at, _varint(data, at, end)[1]
    elif kind == LENGTH:
        length, start = _varint(data, at, end)
        stop = start + length
    elif kind in (FIXED64, FIXED32):
        start, stop = at, at + (8 if kind == FIXED64 else 4)
    else:
        raise WireFormatError(f"there is no value of wire type {kind}")
    if stop > end:
        raise WireFormatError("a value breaks off")
    return start, stop


def _group(data: bytes, at: int, end: int, number: int) -> tuple[int, int]:
    start, open_groups = at, [number]
    for _ in range(_MOST_IN_GROUP):
        number, kind, at = _key(data, at, end)
        if kind == GROUP:
            open_groups.append(number)
        elif kind != GROUP_END:
            at = _value(data, at, end, kind)[1]
        elif number != open_groups.pop():
            raise WireFormatError("a group ends that did not begin")
        elif not open_groups:
            return start, at
    raise WireFormatError(f"a group of more than {_MOST_IN_GROUP:,} fields")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(at, min(at + _VARINT_BYTES, end)):
        byte = data[place]
        value |= (byte & 0x7F) << 7 * (place - at)
        if byte < 0x80:
            return value, place + 1
    raise WireFormatError("a varint breaks off")
