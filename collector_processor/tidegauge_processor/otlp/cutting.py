"""Requests of a bounded size, and what cannot be said left out of them.

Stock collectors take 4 MiB. A request that is larger, or that cannot be encoded, is made in two halves; what is still
too large, or still cannot be encoded, when it stands alone is left out. So the usual case costs nothing, and one signal
that cannot be said takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

LARGEST_REQUEST: Final = 3 << 20
"""Bytes; the rest of the 4 MiB is for what a collector adds."""

T = TypeVar("T")


class Unsaid(NamedTuple, Generic[T]):
    """What is left out, and why."""

    item: T
    why: str


def requests(items: Sequence[T], encode: Callable[[Sequence[T]], bytes], unsaid: list[Unsaid[T]]) -> Iterator[bytes]:
    r"""Encode ``items`` in as few requests as their size allows.

    Args:
        items: in the order in which they are said.
        encode: gives a request that says them.
        unsaid: takes up what is left out.

    >>> left_out = []
    >>> list(requests(["a", "\ud800", "b"], lambda texts: "".join(texts).encode(), left_out))
    [b'a', b'b']
    >>> [each.item for each in left_out]
    ['\ud800']
    """
    if not items:
        return
    try:
        request = encode(items)
        if len(request) <= LARGEST_REQUEST:
            yield request
            return
        why = f"{len(request):,} bytes, more than {LARGEST_REQUEST:,}"
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
    if len(items) == 1:
        unsaid.append(Unsaid(items[0], why))
        return
    middle = len(items) // 2
    yield from requests(items[:middle], encode, unsaid)
    yield from requests(items[middle:], encode, unsaid)
