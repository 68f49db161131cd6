"""All model versions of one processor, and which versions a model has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegauge_processor.records import ModelKey
from tidegauge_processor.state.models import ModelState

_NONE: Final[dict[str, ModelState]] = {}


class Roster(dict[ModelKey, ModelState]):
    """State by model version; versions are set and deleted, nothing else.

    Args:
        states: to begin with.
    """

    def __init__(self, states: Mapping[ModelKey, ModelState] | None = None) -> None:
        super().__init__()
        self._by_name: dict[str, dict[str, ModelState]] = {}
        for key, state in (states or {}).items():
            self[key] = state

    @property
    def models(self) -> Mapping[str, Mapping[str, ModelState]]:
        """State by name of the model and version."""
        return self._by_name

    def versions(self, model: str) -> Mapping[str, ModelState]:
        """State of each version of a model; none of one that is not known."""
        return self._by_name.get(model, _NONE)

    def of(self, key: ModelKey) -> ModelState:
        """State of a model version, which begins when it is not known."""
        if key not in self:
            self[key] = ModelState(key)
        return self[key]

    def __setitem__(self, key: ModelKey, state: ModelState) -> None:
        super().__setitem__(key, state)
        self._by_name.setdefault(key.model, {})[key.version] = state

    def __delitem__(self, key: ModelKey) -> None:
        super().__delitem__(key)
        versions = self._by_name[key.model]
        del versions[key.version]
        if not versions:
            del self._by_name[key.model]
