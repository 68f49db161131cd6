"""Whatever happens to a receipt on its way: it reads as it was written, or it is refused with a `ReceiptError`."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.sdk.test_receipt import ALPHABET, FULL, KEY, OTHER_KEY, PLAIN, keys, receipts
from tidegauge.errors import ReceiptError
from tidegauge.receipt import Receipt, decode, encode

SEAL = 12
ours = st.tuples(receipts, keys)


def content(text: str) -> bytes:
    """The bytes of a receipt, without its armour."""
    armoured = text.removeprefix("tg1.")
    return base64.urlsafe_b64decode(armoured + "=" * (-len(armoured) % 4))


def armoured(data: bytes) -> str:
    return "tg1." + base64.urlsafe_b64encode(data).decode().rstrip("=")


def refused(text: str, key: bytes | None) -> str:
    """What is said of a receipt that must be refused."""
    with pytest.raises(ReceiptError) as caught:
        decode(text, key)
    return str(caught.value)


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("receipt", [PLAIN, FULL])
def test_every_single_flipped_bit_is_noticed(receipt: Receipt, key: bytes | None) -> None:
    data = content(encode(receipt, key))
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        assert refused(armoured(bytes(flipped)), key)


@given(ours, st.data())
def test_any_flipped_bit_of_any_receipt_is_noticed(made: tuple[Receipt, bytes | None], data: st.DataObject) -> None:
    found = bytearray(content(encode(*made)))
    for place in data.draw(st.sets(st.integers(0, len(found) * 8 - 1), min_size=1, max_size=3)):
        found[place // 8] ^= 1 << place % 8
    assert refused(armoured(bytes(found)), made[1])


@pytest.mark.parametrize("key", [None, KEY])
def test_every_truncation_is_noticed_of_the_text_and_of_the_bytes(key: bytes | None) -> None:
    text = encode(FULL, key)
    for length in range(len(text)):
        assert refused(text[:length], key)
    data = content(text)
    for length in range(len(data)):
        assert refused(armoured(data[:length]), key)
        assert refused(armoured(data[length + 1 :]), key)


@given(ours, receipts, st.data())
def test_parts_of_two_receipts_do_not_make_a_third(
    made: tuple[Receipt, bytes | None], other: Receipt, data: st.DataObject
) -> None:
    key = made[1]
    one, two = content(encode(*made)), content(encode(other, key))
    mixed = one[: data.draw(st.integers(0, len(one)))] + two[data.draw(st.integers(0, len(two))) :]
    assume(mixed not in (one, two))
    assert refused(armoured(mixed), key)


@given(receipts, receipts, keys)
def test_the_seal_of_another_receipt_does_not_fit(one: Receipt, other: Receipt, key: bytes | None) -> None:
    first, second = content(encode(one, key)), content(encode(other, key))
    assume(first != second)
    assert "seal does not fit" in refused(armoured(first[:-SEAL] + second[-SEAL:]), key)


@given(receipts, st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=64))
def test_a_receipt_signed_with_another_key_is_foreign(receipt: Receipt, key: bytes, other: bytes) -> None:
    assume(key != other)
    # Two keys in 65,536 share their fingerprint; then it is the seal that does not fit.
    assert "another key" in (said := refused(encode(receipt, key), other)) or "seal does not fit" in said


@given(receipts)
def test_what_is_signed_does_not_pass_for_unsigned_nor_the_other_way_round(receipt: Receipt) -> None:
    assert "set TIDEGAUGE_RECEIPT_KEY" in refused(encode(receipt, KEY), None)
    assert "not signed" in refused(encode(receipt), KEY)
    stripped = bytearray(content(encode(receipt, KEY))[:-SEAL])
    stripped[0] &= ~1  # no longer says that it is signed, and has no fingerprint
    body = bytes(stripped[:1] + stripped[3:])
    assert "not signed" in refused(armoured(body + hashlib.sha256(body).digest()[:SEAL]), KEY)


@given(receipts, receipts)
def test_only_a_key_tells_forgeries(real: Receipt, forged: Receipt) -> None:
    body = content(encode(forged))[:-SEAL]
    made_up = armoured(body + hashlib.sha256(body).digest()[:SEAL])
    assert decode(made_up) == forged  # nothing without a secret could tell
    assert refused(made_up, KEY)
    signed = content(encode(real, OTHER_KEY))[:-SEAL]
    assert refused(armoured(signed + hashlib.sha256(signed).digest()[:SEAL]), OTHER_KEY)


@given(st.binary(max_size=300), keys)
def test_random_bytes_are_refused(data: bytes, key: bytes | None) -> None:
    assert refused(armoured(data), key)


@given(st.text(ALPHABET, max_size=300) | st.text() | st.none() | st.integers() | st.binary(), keys)
def test_random_things_are_refused(thing: object, key: bytes | None) -> None:
    with pytest.raises(ReceiptError):
        decode(thing, key)  # type: ignore[arg-type]
    with pytest.raises(ReceiptError):
        decode(f"tg1.{thing}", key)


@pytest.mark.parametrize(
    "body",
    [
        bytes([0]) + b"\xff" * 400,  # a length without an end
        bytes([0]) + b"\xff" * 9 + b"\x01" + b"x" * 40,  # a text of exabytes
        bytes([32, 1])
        + b"a"
        + bytes([1])
        + b"b"
        + bytes(8)
        + b"\0"
        + b"\1" * 24
        + b"\xff" * 9
        + b"\x01",  # so many pairs
    ],
)
def test_lengths_that_promise_too_much_cost_nothing(body: bytes) -> None:
    assert "truncated" in refused(armoured(body + hashlib.sha256(body).digest()[:SEAL]), None)


def test_a_text_longer_than_any_receipt_is_not_even_read() -> None:
    assert "none has 10000004 characters" in refused("tg1." + "A" * 10_000_000, None)


@given(receipts, keys)
def test_the_longest_receipts_are_read(receipt: Receipt, key: bytes | None) -> None:
    text = encode(Receipt("m" * 3_900, "3", 0, 0, 1, 2), key)
    assert decode(text, key).model == "m" * 3_900
