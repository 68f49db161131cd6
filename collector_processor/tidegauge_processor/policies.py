"""From the configuration to what verdicts may be decided by."""

from __future__ import annotations

from tidegauge_processor.config import Config
from tidegauge_processor.verdicts.types import Policy


def policy_of(config: Config, model: str, window: int | None = None) -> Policy:
    """Thresholds and budget in force for a model.

    Args:
        config: the configuration.
        model: name of the model.
        window: length of a window, ns; the configuration's when left out.

    >>> policy_of(Config(), "credit-risk", 600 * 10**9).windows_per_month
    4320.0
    """
    drift = config.for_model(model)
    return Policy(
        window_length=config.windows.duration if window is None else window,
        false_incidents_per_month=drift.false_incidents_per_month,
        scales=drift.scales,
        effect_floor=drift.effect_floor,
        quiet_windows=drift.quiet_windows,
    )
