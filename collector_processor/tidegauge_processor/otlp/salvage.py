"""What can be read of a request that does not parse as a whole.

A collector puts the data of many senders into one request, and one bad byte in anybody's name makes a parser refuse all
of it. Here such a request is taken apart into resources, those into scopes, and those into metrics, spans or log
records: what parses is kept, and what does not is told of. The three signals of OTLP have the same numbers down to
there: a request holds resources (1), a resource holds what it is (1) and scopes (2), a scope what it is (1) and items
(2).

Items whose resource or scope cannot be read are not kept: nobody knows whose they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError, Message

from tidegauge_processor.otlp.limits import MALFORMED, PARSED, REQUEST_NESTING
from tidegauge_processor.otlp.wire import LENGTH, Field, WireFormatError, fields, nesting

_RESOURCES: Final = 1
_ITSELF: Final = 1
_WITHIN: Final = 2
_POINTS: Final = 1
_ITEM: Final = 3
"""Messages around a metric, span or log record: its scope, its resource and the request."""


class Unread(NamedTuple):
    """A part of a request that is not kept.

    Attributes:
        reason: what it is counted under.
        why: what is wrong with it.
        records: data points, spans or log records in it, as far as they can be told apart; at least one.
    """

    reason: str
    why: str
    records: int


def salvage(request: Message, data: bytes, most_nested: int) -> list[Unread]:
    """Fill ``request``, an empty one of any signal, with what can be read of ``data``; the rest is returned.

    Args:
        request: takes up what is kept; it stays empty when nothing is.
        data: the request as it came.
        most_nested: messages that may lie in one another.
    """
    found = _Salvage(request, most_nested)
    found.fill(request, data, 0)
    return found.unread


class _Parts(NamedTuple):
    """A message taken apart: the messages within, all other fields, and whether the bytes break off."""

    within: list[bytes]
    rest: bytes
    torn: bool


class _Salvage:
    def __init__(self, request: Message, most_nested: int) -> None:
        self.unread: list[Unread] = []
        self._most_nested = most_nested
        item: Any = request.DESCRIPTOR
        for number in (_RESOURCES, _WITHIN, _WITHIN):
            item = item.fields_by_number[number].message_type
        shapes = [field.number for field in item.fields if field.containing_oneof and field.message_type]
        self._shapes = frozenset(shapes if item.name == "Metric" else ())

    def fill(self, message: Message, data: bytes, around: int) -> bool:
        """Fill an empty message, with so many ``around`` it, with what can be read; whether it is worth keeping."""
        wrong = self._parse(message, data, around)
        if wrong is None:
            return True
        message.Clear()
        if around == _ITEM:
            self.unread.append(Unread(*wrong, self._records(data, around)))
            return False
        parts = _take_apart(data, _WITHIN if around else _RESOURCES)
        itself = message.DESCRIPTOR.fields_by_number[_ITSELF].name
        wrong = self._parse(message, parts.rest, around)
        if wrong is None and around and parts.torn and not message.HasField(itself):
            wrong = MALFORMED, f"it breaks off before its {itself}"
        if wrong is not None:
            self.unread.append(Unread(*wrong, self._records(data, around)))
            return False
        return self._fill_within(message, parts, around)

    def _fill_within(self, message: Message, parts: _Parts, around: int) -> bool:
        field = message.DESCRIPTOR.fields_by_number[_WITHIN if around else _RESOURCES]
        within: Any = getattr(message, field.name)
        for part in parts.within:
            if not self.fill(within.add(), part, around + 1):
                del within[-1]
        if parts.torn:
            self.unread.append(Unread(MALFORMED, "it breaks off within a field", 1))
        return len(within) > 0

    def _parse(self, message: Message, data: bytes, around: int) -> tuple[str, str] | None:
        """Add ``data`` to an empty message; why not, as a reason and a sentence."""
        deepest = self._most_nested - around
        wrong = None
        try:
            message.ParseFromString(data)
        except (DecodeError, RecursionError) as error:
            wrong = MALFORMED, str(error)
        if (wrong or self._most_nested < PARSED) and nesting(data, message.DESCRIPTOR, deepest) > deepest:
            return REQUEST_NESTING, f"messages lie deeper in one another than limits.{REQUEST_NESTING} allows"
        return wrong

    def _records(self, data: bytes, around: int) -> int:
        """How many records lie in a part of a request; one where they cannot be told apart."""
        if around < _ITEM:
            return max(1, sum(self._records(part, around + 1) for part in _take_apart(data, _WITHIN).within))
        shapes = [data[each.start : each.end] for each in _fields(data) if each.number in self._shapes]
        return max(1, sum(len(_take_apart(shape, _POINTS).within) for shape in shapes))


def _take_apart(data: bytes, number: int) -> _Parts:
    """Take the messages in field ``number`` out of a message."""
    within: list[bytes] = []
    rest: list[bytes] = []
    end = 0
    for field in _fields(data):
        end = field.end
        if field.number == number and field.kind == LENGTH:
            within.append(data[field.start : end])
        else:
            rest.append(data[field.key : end])
    return _Parts(within, b"".join(rest), end < len(data))


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, up to where they break off."""
    with suppress(WireFormatError):
        yield from fields(data)
