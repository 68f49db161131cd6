"""Brings the halves of outcomes in a request together, or says that nobody does."""

from __future__ import annotations

import logging

from tidegauge_processor.fates import Fates
from tidegauge_processor.performance.outcomes import Outcome
from tidegauge_processor.records import Decoded, ModelKey
from tidegauge_processor.state.join import Join

_log = logging.getLogger(__name__)


class Joining:
    """The engine's halves of outcomes.

    Args:
        join: brings them together; None: they are dropped.
        fates: counts what becomes of them.
    """

    def __init__(self, join: Join | None, fates: Fates) -> None:
        self._join = join
        self._fates = fates
        self._said_disabled = False

    def take(self, decoded: Decoded, now: int) -> dict[ModelKey, list[Outcome]]:
        """Take up the halves of a request; whole outcomes by model version.

        Args:
            decoded: what the request holds.
            now: the clock on the wall, ns since the epoch.
        """
        if self._join is None:
            self._drop(decoded)
            return {}
        join = self._join
        found = [(key, join.add_prediction(key, made, now)) for key, of in decoded.made.items() for made in of]
        found += [(key, join.add_outcome(key, said, now)) for key, of in decoded.said.items() for said in of]
        joined: dict[ModelKey, list[Outcome]] = {}
        for of_key, (met, fate) in found:
            for key, outcome in met:
                joined.setdefault(key, []).append(outcome)
            if fate:
                self._fates.count(fate, 1, of_key.model)
        return joined

    def _drop(self, decoded: Decoded) -> None:
        for halves in (decoded.made, decoded.said):
            for key, several in halves.items():
                self._fates.count("join_disabled", len(several), key.model)
        if decoded.said and not self._said_disabled:
            self._said_disabled = True
            _log.warning("outcomes by prediction id are dropped: set labels.join.enabled to join them")
