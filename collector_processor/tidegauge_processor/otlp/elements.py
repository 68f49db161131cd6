"""How much a request asks for when it is parsed, found before it is.

Sixty-four mebibytes of two bytes each, an empty message over and over, become gigabytes of objects, and packed they are
a few kilobytes on the wire. So the elements of a large request are counted first: each message, each text of a list,
and each eight numbers of a list of varints, which take the room of one. Texts, bytes and numbers of a fixed size take
no more room than they did on the wire.

Two bytes are the least that an element has. So nothing is looked at of a request that is too short to hold too many,
and of a longer one only until what is left is too short.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tidegauge_processor.otlp.limits import PARSED
from tidegauge_processor.otlp.wire import FIXED32, FIXED64, LENGTH, VARINT, WireFormatError, fields

_SHORTEST: Final = 2  # bytes of an element
_NUMBERS: Final = 8  # varints that take the room of one element
_SIZES: Final = {FIXED64: 8, FIXED32: 4}
_FIXED: Final = frozenset(
    {
        FieldDescriptor.TYPE_DOUBLE,
        FieldDescriptor.TYPE_FLOAT,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_SFIXED64,
        FieldDescriptor.TYPE_SFIXED32,
    }
)
_TEXTS: Final = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


class _Kind(NamedTuple):
    """What a field is.

    Attributes:
        message: what it holds; None where it is no message.
        each: elements for each field.
        a_byte: elements for each of its bytes.
    """

    message: Descriptor | None
    each: float
    a_byte: float


def elements(data: bytes, message: Any, most: int, *, exact: bool = False) -> int:
    """Number of elements of ``data``, a message; of what is none, of that which comes before.

    It looks no further once there are more than ``most``. Unless it shall be ``exact``, nor once that is out of the
    question, and then gives a number that is too large rather than too small.

    Args:
        data: bytes of the message.
        message: its descriptor.
        most: elements that matter.
        exact: whether to count them all.
    """
    at, end, kinds, found, size = 0, len(data), _kinds(message), 1.0, len(data)
    around: list[tuple[int, Mapping[int, _Kind]]] = []
    try:
        while found <= most and (exact or found + (size - at) / _SHORTEST > most):
            if at >= end:
                if at > end or not around:
                    return int(found)
                end, kinds = around.pop()
                continue
            begin, key = at, data[at]
            at += 1
            if key >= 0x80:
                key, at = _varint(data, at - 1)
            kind = kinds.get(key >> 3)
            if key & 7 == LENGTH:
                length = data[at]
                at += 1
                if length >= 0x80:
                    length, at = _varint(data, at - 1)
                if kind is not None:
                    found += kind.each + kind.a_byte * length
                    if kind.message is not None and length and len(around) < PARSED:
                        around.append((end, kinds))
                        end, kinds = min(at + length, end), _kinds(kind.message)
                        continue
                at += length
            elif key & 7 == VARINT:
                found += kind.a_byte if kind is not None else 0
                at = _varint(data, at)[1]
            else:
                at = at + _SIZES[key & 7] if key & 7 in _SIZES else next(fields(data, begin, end)).end
    except (IndexError, WireFormatError):
        return int(found)  # a parser breaks off here, too
    return int(found + (size - at) / _SHORTEST) if found <= most else most + 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A varint of any length, and where it ends."""
    value = place = 0
    while data[at] >= 0x80:
        value |= (data[at] & 0x7F) << place
        place, at = min(place + 7, 70), at + 1
    return value | data[at] << place, at + 1


@cache
def _kinds(message: Descriptor) -> Mapping[int, _Kind]:
    return {field.number: _kind(field) for field in message.fields}


def _kind(field: FieldDescriptor) -> _Kind:
    if field.message_type is not None:
        return _Kind(field.message_type, 1, 0)
    if not field.is_repeated or field.type in _FIXED:
        return _Kind(None, 0, 0)
    return _Kind(None, 1, 0) if field.type in _TEXTS else _Kind(None, 0, 1 / _NUMBERS)
