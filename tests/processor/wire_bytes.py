"""Bytes of protobuf that no library would write."""

from __future__ import annotations


def varint(number: int) -> bytes:
    """``number`` in seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: bytes) -> bytes:
    """A field that holds a text or a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def nested_attribute(depth: int) -> bytes:
    """An attribute of arrays that lie ``depth`` deep in one another."""
    value = bytes([3 << 3, 1])  # an AnyValue that is the integer 1
    for _ in range(depth):
        value = field(5, field(1, value))  # an AnyValue that is an array of it
    return field(1, b"a") + field(2, value)


def request_of(*items: bytes) -> bytes:
    """A request of one resource, one scope and these metrics, spans or log records."""
    return field(1, field(2, b"".join(field(2, item) for item in items)))
