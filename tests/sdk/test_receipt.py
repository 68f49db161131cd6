from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegauge.errors import ReceiptError
from tidegauge.receipt import MOST_CLASSES, Receipt, decode, encode
from tidegauge.score_codes import ScoreCodes, class_set_of, to_codes

KEY, OTHER_KEY = b"a key of this house", b"a key of another house"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

PLAIN = Receipt("churn", "3", 1_764_000_000_123_456_789, 2, 2**127 + 5, 2**63 + 1)
SCORES = ScoreCodes("28593b31", to_codes(np.array([0.25, 0.75])).tobytes())
FULL = replace(PLAIN, klass="yes", score=0.25, value=-4.5, segments=(("region", "north"),), own_id="order-17")

class_scores = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=MOST_CLASSES).map(
    lambda scores: ScoreCodes(class_set_of([str(len(scores))]), to_codes(np.array(scores)).tobytes())
)
GOLDEN = "tg1.hgVjaHVybgEzGHr8p28lzRUCgAAAAAAAAAAAAAAAAAAABYAAAAAAAAABP-gAAAAAAAADY2FyKFk7MQJ0APQAWlKMxMLjSqHhy9Ew"

receipts = st.builds(
    Receipt,
    model=st.text(min_size=1, max_size=40),
    version=st.text(min_size=1, max_size=40),
    time=st.integers(0, 2**63 - 1),
    row=st.integers(0, 2**63 - 1),
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    klass=st.none() | st.text(max_size=150),
    score=st.none() | st.floats(allow_nan=False),
    value=st.none() | st.floats(allow_nan=False),
    segments=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4).map(tuple),
    own_id=st.none() | st.text(max_size=200),
    ranked=st.booleans(),
    class_scores=st.none() | class_scores,
)
keys = st.none() | st.binary(min_size=1, max_size=64)


@given(receipts, keys)
def test_there_and_back(receipt: Receipt, key: bytes | None) -> None:
    text = encode(receipt, key)
    assert decode(text, key) == receipt
    assert set(text) <= set(ALPHABET)


def test_golden_texts() -> None:
    assert encode(PLAIN) == ("tg1.AAVjaHVybgEzGHr8p28lzRUCgAAAAAAAAAAAAAAAAAAABYAAAAAAAAAB6ACH3Sq_P31cNMEA")
    assert encode(FULL, KEY) == (
        "tg1.P1o3BWNodXJuATMYevynbyXNFQKAAAAAAAAAAAAAAAAAAAAFgAAAAAAAAAE_0AAAAAAAAMASAAAAAAAAA3llcwhvcmRlci0x"
        "NwEGcmVnaW9uBW5vcnRoDi7RY8FnX50Nx42D"
    )


def test_golden_text_with_the_scores_of_every_class() -> None:
    assert encode(replace(PLAIN, klass="car", score=0.75, class_scores=SCORES)) == GOLDEN


def of_classes(number: int) -> ScoreCodes:
    return ScoreCodes("28593b31", to_codes(np.random.default_rng(1).dirichlet(np.ones(number))).tobytes())


@pytest.mark.parametrize(("key", "texts"), [(None, 22), (KEY, 20)])
def test_it_fits_into_160_characters_with_the_scores_of_16_classes(key: bytes | None, texts: int) -> None:
    names = {"model": "m" * (texts - 10), "version": "3", "klass": "k" * 9}
    longest = replace(PLAIN, **names, row=127, score=0.1, class_scores=of_classes(MOST_CLASSES))
    assert len(encode(longest, key)) < 160
    assert decode(encode(longest, key), key) == longest
    assert len(encode(replace(longest, model="m" * (texts - 8)), key)) >= 160


def test_scores_of_more_classes_are_left_out() -> None:
    many = replace(PLAIN, klass="car", score=0.5, class_scores=of_classes(MOST_CLASSES + 1))
    assert decode(encode(many)) == replace(many, class_scores=None)


@pytest.mark.parametrize("codes", [b"", b"\x7f\xff", b"\x00\x00\xf8\x00"])
def test_what_are_no_scores_is_refused(codes: bytes) -> None:
    with pytest.raises(ReceiptError, match="must be of some class, and each from 0 to 1"):
        replace(PLAIN, class_scores=ScoreCodes("28593b31", codes))


def test_it_fits_into_160_characters() -> None:
    longest = replace(PLAIN, model="m" * 30, version="v" * 10, row=100_000, klass="approve", score=0.1, value=2.0)
    assert len(encode(longest, KEY)) < 160


def test_the_prediction_id_is_of_trace_span_and_row_or_the_callers_own() -> None:
    assert PLAIN.prediction_id == "80000000000000000000000000000005-8000000000000001-2"
    assert FULL.prediction_id == "order-17"


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("receipt", [PLAIN, FULL])
def test_every_dropped_character_is_noticed(receipt: Receipt, key: bytes | None) -> None:
    text = encode(receipt, key)
    for place in range(len(text)):
        dropped = text[:place] + text[place + 1 :]
        with pytest.raises(ReceiptError):
            decode(dropped, key)


@pytest.mark.parametrize("key", [None, KEY])
def test_every_changed_character_is_noticed(key: bytes | None) -> None:
    text = encode(FULL, key)
    for place, character in enumerate(text):
        for other in ALPHABET + "=+/ é\n":
            if other != character:
                with pytest.raises(ReceiptError):
                    decode(text[:place] + other + text[place + 1 :], key)


@given(receipts, keys, st.data())
def test_any_edit_is_refused(receipt: Receipt, key: bytes | None, data: st.DataObject) -> None:
    text = encode(receipt, key)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 3, len(text))))
    edited = text[:start] + data.draw(st.text(ALPHABET, max_size=3) | st.text(max_size=3)) + text[end:]
    if edited != text:
        with pytest.raises(ReceiptError):
            decode(edited, key)


@given(st.text() | st.text(ALPHABET).map("tg1.".__add__), keys)
def test_random_text_is_refused(text: str, key: bytes | None) -> None:
    with pytest.raises(ReceiptError):
        decode(text, key)


@given(st.binary(max_size=200))
def test_random_bytes_with_a_right_checksum_are_refused_or_read(content: bytes) -> None:
    text = "tg1." + base64.urlsafe_b64encode(content + hashlib.sha256(content).digest()[:12]).decode().rstrip("=")
    try:
        receipt = decode(text)
    except ReceiptError:
        return
    assert isinstance(receipt, Receipt)


@pytest.mark.parametrize("missing", [1, 2, 3, 8, 16, 40, 100])
def test_a_truncated_receipt_says_so(missing: int) -> None:
    with pytest.raises(ReceiptError, match="truncated"):
        decode(encode(FULL, KEY)[:-missing], KEY)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("", None, "not a receipt"),
        ("order-17", None, "not a receipt"),
        ("tg2.AAAA", None, "made by another version"),
        ("tg1.", None, "truncated"),
        ("tg1.A", None, "truncated or damaged"),
        (encode(PLAIN, KEY), None, "signed and there is no key to check it: set TIDEGAUGE_RECEIPT_KEY"),
        (encode(PLAIN, KEY), OTHER_KEY, "signed with another key"),
        (encode(PLAIN), KEY, "not signed"),
        (encode(PLAIN)[:30] + "B" + encode(PLAIN)[31:], None, "tampered with"),
        (encode(PLAIN) + "AAAA", None, "tampered with"),
        (encode(PLAIN), b"", "not signed"),
        (encode(PLAIN, KEY), b"", "key is empty"),
    ],
)
def test_what_is_wrong_is_said(text: str, key: bytes | None, message: str) -> None:
    with pytest.raises(ReceiptError, match=message):
        decode(text, key)


@pytest.mark.parametrize("text", [None, 17, b"tg1.AAAA"])
def test_something_other_than_text_is_refused(text: object) -> None:
    with pytest.raises(ReceiptError, match="not a receipt"):
        decode(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"trace_id": 0}, {"span_id": 0}, {"trace_id": 2**128}, {"span_id": 2**64}, {"row": -1}, {"time": -1}]
)
def test_impossible_receipts_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ReceiptError, match=r"a receipt needs|of a receipt must"):
        replace(PLAIN, **wrong)


def test_a_receipt_has_an_end() -> None:
    with pytest.raises(ReceiptError, match="too long"):
        encode(replace(PLAIN, own_id="x" * 5000))
