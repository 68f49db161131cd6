"""What was left by an earlier run and cannot be read is set aside piece by piece, and the rest goes on.

Another version may have written it, or there is a bug. Neither shall keep the processor from starting, again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidegauge_processor.baselines import Baselines
from tidegauge_processor.engine import Engine
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.records import Decoded
from tidegauge_processor.state.loading import unreadable
from tidegauge_processor.state.store import Store


def set_aside(store: Store, baselines: Baselines, engine: Engine) -> None:
    """Set aside what baselines and engine could not read of what the store had."""
    for id, why in baselines.unreadable.items():
        store.refuse("baselines", id, why)
    for key, why in engine.unreadable.items():
        store.refuse("units", key, why)


def replay(
    store: Store, position: int, decode: Callable[[SignalKind, bytes], Decoded]
) -> Iterator[tuple[int, Decoded]]:
    """Requests that were acknowledged after ``position``, read by ``decode``."""
    for number, kind, data in store.replay(position):
        try:
            decoded = decode(kind, data)
        except Exception as error:  # it was readable when it was acknowledged
            store.refuse("inbox", number, unreadable(error))
        else:
            yield number, decoded
