"""What can be read of a request that does not parse as a whole.

A collector puts the data of many senders into one request, and one bad byte in anybody's name makes a parser refuse all
of it; so must one item that would become gigabytes (`elements`). Here such a request is taken apart into resources,
those into scopes, and those into metrics, spans or log records: what parses is kept, and what does not is told of. The
three signals of OTLP have the same numbers down to there: a request holds resources (1), a resource holds what it is
(1) and scopes (2), a scope what it is (1) and items (2).

Items whose resource or scope cannot be read are not kept: nobody knows whose they are. What is read byte by byte is
bounded, since it costs a hundred times what a parser needs: parts, and bytes that only tell what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError, Message

from tidegauge_processor.otlp.elements import elements
from tidegauge_processor.otlp.limits import DEFAULT, MALFORMED, PARSED, REQUEST_ELEMENTS, REQUEST_NESTING
from tidegauge_processor.otlp.wire import LENGTH, Field, WireFormatError, fields, nesting

_RESOURCES: Final = 1
_ITSELF: Final = 1
_WITHIN: Final = 2
_POINTS: Final = 1
_ITEM: Final = 3
"""Messages around a metric, span or log record: its scope, its resource and the request."""

MOST_PARTS: Final = 100_000
"""Fields that a request is taken apart into; collectors put some thousand items into one."""
_MOST_EXAMINED: Final = 256 << 10
"""Bytes that do not parse and are looked at, to tell why not and how many records they were."""


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


def salvage(
    request: Message, data: bytes, most_nested: int, most_elements: int = DEFAULT.request_elements
) -> list[Unread]:
    """Fill ``request``, an empty one of any signal, with what can be read of ``data``; the rest is returned.

    Args:
        request: takes up what is kept; it stays empty when nothing is.
        data: the request as it came.
        most_nested: messages that may lie in one another.
        most_elements: of all that is kept together, see `elements`.
    """
    found = _Salvage(request, most_nested, most_elements)
    try:
        found.fill(request, data, 0)
    except _TooManyPartsError:
        found.unread.append(Unread(MALFORMED, f"only its first {MOST_PARTS:,} parts were looked at", 1))
    return found.unread


class _TooManyPartsError(Exception):
    pass


class _Parts(NamedTuple):
    """A message taken apart: the messages within, all other fields, and whether the bytes break off."""

    within: list[bytes]
    rest: bytes
    torn: bool


class _Salvage:
    def __init__(self, request: Message, most_nested: int, most_elements: int) -> None:
        self.unread: list[Unread] = []
        self._most_nested = most_nested
        self._elements_left = most_elements
        self._parts_left, self._bytes_left = MOST_PARTS, _MOST_EXAMINED
        item: Any = request.DESCRIPTOR
        for number in (_RESOURCES, _WITHIN, _WITHIN):
            item = item.fields_by_number[number].message_type
        shapes = [field.number for field in item.fields if field.containing_oneof and field.message_type]
        self._shapes = frozenset(shapes if item.name == "Metric" else ())

    def fill(self, message: Message, data: bytes, around: int) -> bool:
        """Fill an empty message, with so many ``around`` it, with what can be read; whether it is worth keeping."""
        wrong = self._parse(message, data, around)
        if not wrong:
            return True
        message.Clear()
        if around == _ITEM:
            return self._give_up(message, data, data, around, wrong)
        parts = self._take_apart(data, _WITHIN if around else _RESOURCES)
        itself = message.DESCRIPTOR.fields_by_number[_ITSELF].name
        wrong = self._parse(message, parts.rest, around)
        if not wrong and around and parts.torn and not message.HasField(itself):
            wrong = f"it breaks off before its {itself}"
        if wrong:
            return self._give_up(message, parts.rest, data, around, wrong)
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

    def _parse(self, message: Message, data: bytes, around: int) -> str:
        """Put ``data`` into an empty message; why not, or nothing."""
        number = elements(data, message.DESCRIPTOR, self._elements_left, exact=True)
        if number > self._elements_left:
            return _TOO_MANY
        try:
            message.ParseFromString(data)
        except (DecodeError, RecursionError) as error:
            return str(error)
        self._elements_left -= number
        # The parser keeps to its own limit; a lower one has to be looked for.
        return _TOO_DEEP if self._most_nested < PARSED and self._lies_too_deep(message, data, around) else ""

    def _lies_too_deep(self, message: Message, data: bytes, around: int) -> bool:
        deepest = self._most_nested - around
        return nesting(data, message.DESCRIPTOR, deepest) > deepest

    def _give_up(self, message: Message, broken: bytes, data: bytes, around: int, wrong: str) -> bool:
        """Say that ``data`` is not kept, since ``broken``, all or a part of it, is wrong."""
        reason, records = REQUEST_ELEMENTS if wrong == _TOO_MANY else MALFORMED, 1
        if len(data) <= self._bytes_left:
            self._bytes_left -= len(data)
            records = self._records(data, around)
            if self._lies_too_deep(message, broken, around):
                reason, wrong = REQUEST_NESTING, _TOO_DEEP
        self.unread.append(Unread(reason, wrong, records))
        return False

    def _records(self, data: bytes, around: int) -> int:
        """How many records lie in a part of a request; one where they cannot be told apart."""
        if around < _ITEM:
            return max(1, sum(self._records(part, around + 1) for part in self._take_apart(data, _WITHIN).within))
        shapes = [data[each.start : each.end] for each in _fields(data) if each.number in self._shapes]
        return max(1, sum(len(self._take_apart(shape, _POINTS).within) for shape in shapes))

    def _take_apart(self, data: bytes, number: int) -> _Parts:
        """Take the messages in field ``number`` out of a message."""
        within: list[bytes] = []
        rest: list[bytes] = []
        end = 0
        for field in _fields(data):
            self._parts_left -= 1
            if self._parts_left < 0:
                raise _TooManyPartsError
            end = field.end
            if field.number == number and field.kind == LENGTH:
                within.append(data[field.start : end])
            else:
                rest.append(data[field.key : end])
        return _Parts(within, b"".join(rest), end < len(data))


_TOO_MANY: Final = f"with the rest it has more elements than limits.{REQUEST_ELEMENTS} allows: send smaller batches"
_TOO_DEEP: Final = f"messages lie deeper in one another than limits.{REQUEST_NESTING} allows"


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, up to where they break off."""
    with suppress(WireFormatError):
        yield from fields(data)
