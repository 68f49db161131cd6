"""The seam between the service and its windows: pure functions, nothing else.

They know no clock, no store and no network. The service gives them time, order and durability; another engine that
owns input, state and time can call the same functions. The unit of work is one version of one model.

    decode(kind, bytes)      -> what the request holds, by model version and window
    merge(window, payload)   -> the window with it; duplicates counted once
    late(start, closed)      -> whether a window takes points no more
    close(window, memory)    -> signals
    compare(memory, memory)  -> signals about two versions that have closed the same windows
    dump(window), load(...)  -> canonical, versioned bytes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from tidegauge.baseline import Baseline
from tidegauge_processor import versions
from tidegauge_processor.closing import Said, close_window
from tidegauge_processor.otlp import decode as otlp
from tidegauge_processor.otlp.kinds import SignalKind
from tidegauge_processor.otlp.limits import DEFAULT, Limits
from tidegauge_processor.records import Decoded, ModelKey, Payload
from tidegauge_processor.signals import Signal
from tidegauge_processor.state.declared import Declared
from tidegauge_processor.state.learning import NOTHING_LEARNED, LearningRule
from tidegauge_processor.state.memory import Memory
from tidegauge_processor.state.windows import Window
from tidegauge_processor.verdicts.types import Policy
from tidegauge_processor.versions import Champion


def decode(kind: SignalKind, data: bytes, length: int, limits: Limits = DEFAULT) -> Decoded:
    """Read an OTLP request and sort it by model version and window of ``length`` ns.

    Raises:
        WireError: nothing of it can be read.
    """
    return otlp.decode(kind, data, length, limits)


def merge(
    window: Window,
    payload: Payload,
    baseline: Baseline | None,
    most_streams: int,
    declared: Declared | None = None,
) -> Counter[str]:
    """Add to ``window`` what one request holds for it; how many items met which fate."""
    return window.merge(payload, baseline, most_streams, declared)


def late(start: int, closed_until: int) -> bool:
    """Whether the window that starts at ``start`` has been closed; the mark comes from outside, never from a clock."""
    return start < closed_until


def close(
    key: ModelKey,
    window: Window,
    start: int,
    end: int,
    memory: Memory,
    baselines: Mapping[str, Baseline],
    policy: Policy,
    rule: LearningRule = NOTHING_LEARNED,
    champion: Champion | None = None,
) -> Said:
    """Judge a window that is complete; ``memory`` moves on."""
    return close_window(key, window, start, end, memory, baselines, policy, rule, champion)


def compare(
    key: ModelKey, memory: Memory, champion: Memory, baseline: Baseline, policy_of: Callable[[int], Policy]
) -> list[Signal]:
    """Compare a version with another in the windows that both have closed; ``memory``, of the first, moves on."""
    return list(versions.compare(key, memory, champion, baseline, policy_of))


def dump(window: Window) -> bytes:
    """Canonical bytes: the same data give the same bytes, in whatever order and parts it came."""
    return window.dump()


def load(data: bytes) -> Window:
    """Read what `dump` wrote."""
    return Window.load(data)
