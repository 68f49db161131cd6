"""Room for baselines that are published: bounded by bytes, and those that nobody uses go first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

BASELINES: Final = "baselines_mib"


class ShelfRoom:
    """Sizes of published baselines, those used least recently first.

    Args:
        most: bytes of all of them together, as JSON.

    Example:
        >>> room = ShelfRoom(10)
        >>> room.put("a", 4), room.put("b", 4), room.use("a")
        (None, None, None)
        >>> room.leaving(4, in_force={"a"}), room.leaving(4, in_force={"b"}), room.leaving(7, in_force={"a"})
        (['b'], ['a'], None)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sizes: dict[str, int] = {}

    def use(self, id: str) -> None:
        """Say that a baseline is used."""
        size = self._sizes.pop(id, None)
        if size is not None:
            self._sizes[id] = size

    def put(self, id: str, size: int) -> None:
        """Take in a baseline of ``size`` bytes."""
        self._sizes[id] = size

    def remove(self, id: str) -> None:
        """Forget a baseline."""
        self._sizes.pop(id, None)

    def leaving(self, size: int, in_force: Collection[str]) -> list[str] | None:
        """Who has to go for a baseline of ``size`` bytes; None where it finds no room.

        Args:
            size: of its JSON.
            in_force: those that windows are compared with, which do not go.
        """
        excess = sum(self._sizes.values()) + size - self._most
        found: list[str] = []
        for id, bytes_of in self._sizes.items():
            if excess > 0 and id not in in_force:
                found.append(id)
                excess -= bytes_of
        return None if excess > 0 else found
