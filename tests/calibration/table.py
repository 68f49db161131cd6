"""Tables that a command writes into the README, between two comments that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

NULL_TABLE = "false incidents"
DELAY_TABLE = "delays"


def write(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put ``lines`` between ``<!-- name -->`` and ``<!-- end of name -->``.

    Raises:
        ValueError: the file has no such place.
    """
    text = path.read_text(encoding="utf-8")
    first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(first)
    _, ended, after = rest.partition(last)
    if not (found and ended):
        raise ValueError(f"{path.name} has no place between {first.strip()} and {last}")
    path.write_text(before + first + "".join(f"{line}\n" for line in lines) + last + after, encoding="utf-8")
