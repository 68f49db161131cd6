"""The receipt: everything that an outcome needs to know of its prediction, in a short text.

The application stores it beside its own record and hands it back when the truth is known, weeks later and from any
process; nobody has to remember the prediction. The text is ``tg1.`` and, in URL-safe base64 without padding::

    flags   1 byte    which optional fields there are, whether the receipt is signed, and whether the row was ranked
    key     2 bytes   fingerprint of the key, when signed
    fields            fixed numbers big-endian, counts and lengths as LEB128, texts as UTF-8
    seal    12 bytes  HMAC-SHA256 of what stands before, cut short; without a key its SHA-256

Without a key the seal finds accidents: whatever was changed, cut off or put together wrongly. It is no secret then, and
who makes up a receipt can seal it too. Only with a key are forged and foreign receipts refused. A receipt that is
handed in twice is a good one both times; that it counts once is the processor's work, which knows the prediction's id.

Scores of every class (`tidegauge.score_codes`) take five bytes and two a class, and are put in for up to 16 classes: an
unsigned receipt then has less than 160 characters while the names of model, version and class have 22 together, and a
signed one while they have 20.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from typing import Any, Final

from tidegauge.errors import ReceiptError
from tidegauge.score_codes import CODE, ScoreCodes, are_codes

MOST_CLASSES: Final = 16
"""Classes whose scores a receipt carries; those of more are left out of it."""

_PREFIX: Final = "tg1."
_ANY_VERSION = re.compile(r"tg\d+\.")
_SEAL = 12
_FINGERPRINT = 2
_CLASS_SET = 4
_LONGEST: Final = 4096
_LONGEST_TEXT: Final = 4 * (_LONGEST + _SEAL) // 3 + 8
_SIGNED, _CLASS, _SCORE, _VALUE, _OWN_ID, _SEGMENTS, _RANKED, _EVERY_CLASS = (1 << bit for bit in range(8))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says about one predicted row.

    Args:
        model: name of the model.
        version: version of the model.
        time: when the prediction was made, nanoseconds since the epoch.
        row: number of the row in its call, from 0.
        trace_id: trace of the call, never 0; drawn at random when the call was not traced.
        span_id: span of the call, never 0; drawn at random when the call was not traced.
        klass: predicted class.
        score: score of the positive or of the predicted class.
        value: predicted number.
        segments: names and values of the slices that the row belongs to.
        own_id: the caller's own key of the prediction.
        ranked: whether the row is an item of a list, so that its outcome is a relevance.
        class_scores: scores of every class.

    Raises:
        ReceiptError: an id, the row, the time or a score is out of range.

    Example:
        >>> Receipt("churn", "3", 0, row=2, trace_id=0xABC, span_id=0xDEF).prediction_id
        '00000000000000000000000000000abc-0000000000000def-2'
    """

    model: str
    version: str
    time: int
    row: int
    trace_id: int
    span_id: int
    klass: str | None = None
    score: float | None = None
    value: float | None = None
    segments: tuple[tuple[str, str], ...] = ()
    own_id: str | None = None
    ranked: bool = False
    class_scores: ScoreCodes | None = None

    def __post_init__(self) -> None:
        if not (0 < self.trace_id < 1 << 128 and 0 < self.span_id < 1 << 64):
            raise ReceiptError("a receipt needs a trace id and a span id other than zero")
        if not (0 <= self.row < 1 << 63 and 0 <= self.time < 1 << 63):
            raise ReceiptError("row and time of a receipt must be neither negative nor beyond 64 bits")
        if self.class_scores is not None and not (self.class_scores.codes and are_codes(self.class_scores.codes)):
            raise ReceiptError("scores of every class in a receipt must be of some class, and each from 0 to 1")

    @property
    def prediction_id(self) -> str:
        """The caller's own key, or one made of trace, span and row."""
        return self.own_id if self.own_id is not None else f"{self.trace_id:032x}-{self.span_id:016x}-{self.row}"


def encode(receipt: Receipt, key: bytes | None = None) -> str:
    """Write ``receipt`` as text, signed when there is a ``key``.

    Raises:
        ReceiptError: the texts in it are too long together, or the key is empty.

    >>> encode(Receipt("churn", "3", 0, 0, 1, 2))
    'tg1.AAVjaHVybgEzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAC1XxL9JGXtLUywmmi'
    """
    every = receipt.class_scores
    if every is not None and every.classes > MOST_CLASSES:
        every = None
    optional = (
        (_SIGNED, key),
        (_CLASS, receipt.klass),
        (_SCORE, receipt.score),
        (_VALUE, receipt.value),
        (_OWN_ID, receipt.own_id),
        (_SEGMENTS, receipt.segments or None),
        (_RANKED, receipt.ranked or None),
        (_EVERY_CLASS, every),
    )
    body = bytes([sum(flag for flag, value in optional if value is not None)])
    if key is not None:
        body += _fingerprint(key)
    body += _text(receipt.model) + _text(receipt.version) + struct.pack(">q", receipt.time) + _count(receipt.row)
    body += receipt.trace_id.to_bytes(16, "big") + receipt.span_id.to_bytes(8, "big")
    body += b"".join(struct.pack(">d", number) for number in (receipt.score, receipt.value) if number is not None)
    body += b"".join(_text(text) for text in (receipt.klass, receipt.own_id) if text is not None)
    if receipt.segments:
        body += _count(len(receipt.segments)) + b"".join(_text(name) + _text(at) for name, at in receipt.segments)
    if every is not None:
        body += bytes.fromhex(every.class_set) + _count(every.classes) + every.codes
    if len(body) > _LONGEST:
        raise ReceiptError(f"the receipt would be {len(body)} bytes long: segments or prediction id are too long")
    return _PREFIX + _armour(body + _seal(body, key))


def decode(text: str, key: bytes | None = None) -> Receipt:
    """Read what `encode` wrote, with the ``key`` it was signed with.

    Raises:
        ReceiptError: ``text`` is truncated, tampered with, not a receipt, of another version, signed with another key,
            signed while there is no key here, or not signed while there is one.
    """
    data = _disarm(text)
    fields = _Fields(data)
    (flags,) = fields.take(1)
    if flags & _SIGNED:
        if key is None:
            raise ReceiptError("the receipt is signed and there is no key to check it: set TIDEGAUGE_RECEIPT_KEY")
        if not hmac.compare_digest(fields.take(_FINGERPRINT), _fingerprint(key)):
            raise ReceiptError("the receipt was signed with another key")
    elif key is not None:
        raise ReceiptError("the receipt is not signed, and this process takes signed receipts only")
    try:
        arguments = fields.arguments(flags)
    except UnicodeDecodeError as problem:
        raise ReceiptError("the receipt was tampered with: a text in it is not UTF-8") from problem
    body = data[: fields.position]
    if not hmac.compare_digest(fields.take(_SEAL), _seal(body, key)) or fields.position < len(data):
        raise ReceiptError("the receipt was tampered with: its seal does not fit its content")
    return Receipt(*arguments)


class _Fields:
    """The parts of a receipt, read one after the other. Reading proves nothing: the seal does."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def arguments(self, flags: int) -> tuple[Any, ...]:
        """Arguments of `Receipt`, in order."""
        model, version = self.text(), self.text()
        (time,) = struct.unpack(">q", self.take(8))
        row = self.count()
        trace_id, span_id = int.from_bytes(self.take(16), "big"), int.from_bytes(self.take(8), "big")
        score = self.number() if flags & _SCORE else None
        value = self.number() if flags & _VALUE else None
        klass = self.text() if flags & _CLASS else None
        own_id = self.text() if flags & _OWN_ID else None
        pairs = range(self.count() if flags & _SEGMENTS else 0)
        segments = tuple((self.text(), self.text()) for _ in pairs)
        ranked = bool(flags & _RANKED)
        every = self.class_scores() if flags & _EVERY_CLASS else None
        return model, version, time, row, trace_id, span_id, klass, score, value, segments, own_id, ranked, every

    def take(self, length: int) -> bytes:
        taken = self._data[self.position : self.position + length]
        if len(taken) < length:
            raise ReceiptError("the receipt is truncated: its end is missing")
        self.position += length
        return taken

    def count(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self.take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8", "surrogatepass")

    def class_scores(self) -> ScoreCodes:
        class_set = self.take(_CLASS_SET).hex()
        return ScoreCodes(class_set, self.take(self.count() * CODE.itemsize))

    def number(self) -> float:
        (number,) = struct.unpack(">d", self.take(8))
        return float(number)


def _count(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return _count(len(data)) + data


def _armour(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _disarm(text: str) -> bytes:
    if not isinstance(text, str) or not _ANY_VERSION.match(text):
        raise ReceiptError(f"not a receipt: it should be a text that begins with {_PREFIX!r}")
    if len(text) > _LONGEST_TEXT:
        raise ReceiptError(f"not a receipt of ours: none has {len(text)} characters")
    if not text.startswith(_PREFIX):
        raise ReceiptError(f"the receipt was made by another version: it does not begin with {_PREFIX!r}")
    armoured = text[len(_PREFIX) :]
    try:
        data = base64.b64decode(armoured + "=" * (-len(armoured) % 4), b"-_", validate=True)
    except ValueError as problem:
        raise ReceiptError("the receipt is truncated or damaged: its characters are not URL-safe base64") from problem
    if _armour(data) != armoured:  # unused bits of the last character, which decoding ignores
        raise ReceiptError("the receipt is truncated or was tampered with: its last character is not ours")
    return data


def _fingerprint(key: bytes) -> bytes:
    if not key:
        raise ReceiptError("the receipt key is empty")
    return hashlib.sha256(b"tidegauge.receipt.key" + key).digest()[:_FINGERPRINT]


def _seal(data: bytes, key: bytes | None) -> bytes:
    if key is None:
        return hashlib.sha256(data).digest()[:_SEAL]
    return hmac.digest(key, data, "sha256")[:_SEAL]
