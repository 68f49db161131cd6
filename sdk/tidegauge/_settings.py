"""The SDK's settings: one frozen record; beside each field its environment variable and what it accepts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, get_args

from tidegauge._environment import A_UNIT, flag, read, seconds
from tidegauge.errors import ConfigurationError

CaptureMode: TypeAlias = Literal["summary", "values", "none"]
"""What a span may carry: counts and the output, the feature values too, or only the model's identity."""

CAPTURE_MODES: Final[tuple[str, ...]] = get_args(CaptureMode)
_VARIABLE: Final = "environment"
_ACCEPTS: Final = "accepts"
_READ: Final = "read"
_CHECK: Final = "check"
_HOUR: Final = 3_600_000_000_000
_LONGEST: Final = f"{threading.TIMEOUT_MAX:.0f}"  # 292 years, or 49 days on Windows


def _is_time(value: float) -> bool:
    return 0 <= value <= threading.TIMEOUT_MAX  # said so that NaN is refused too


def _is_interval(value: float) -> bool:
    length = round(value * 1_000_000_000) if _is_time(value) else 0
    return length > 0 and (_HOUR % length == 0 or length % _HOUR == 0)


def _about(variable: str, read: Callable[[str], Any], accepts: str, check: Callable[[Any], bool]) -> dict[str, Any]:
    return {_VARIABLE: variable, _READ: read, _ACCEPTS: accepts, _CHECK: check}


def _time(
    variable: str, default: float, accepts: str = f"from 0 to {_LONGEST}", check: Callable[[Any], bool] = _is_time
) -> Any:
    return field(default=default, metadata=_about(variable, seconds, f"seconds {accepts}", check))


def _count(variable: str, default: int) -> Any:
    return field(default=default, metadata=_about(variable, int, "a whole number above 0", lambda value: value > 0))


def _flag(variable: str, default: bool = False) -> Any:
    return field(
        default=default, metadata=_about(variable, flag, "true or false", lambda value: value in (True, False))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the SDK works in this process; `Settings.from_environment` reads what is not given from ``TIDEGAUGE_*``.

    Times are seconds. A variable may also give them a unit: ``500ms``, ``2s``, ``5m``, ``1h``, ``1m30s``.

    Attributes:
        export_interval: seconds between exports; divides an hour, or is whole hours, so that no interval spans two
            windows of the processor.
        capture: what spans may carry; ``"summary"``, ``"values"`` or ``"none"``.
        buffer_rows: rows that may wait to be summarised; what comes on top is dropped and counted.
        queue_points: data points that may wait to be sent while the receiver is away; the oldest are dropped first.
        queue_events: outcomes and other events that may wait to be sent.
        receipt_key: signs receipts; any length. Not shown by ``repr``.
        outcome_wait: seconds that `record_outcome`, and in a replay the flush with details, may wait for room in a full
            queue before they drop.
        prediction_events: send an event for each row that has a key of the application's own, so that a processor with
            ``labels.join.enabled`` can join outcomes by that key.
        prediction_details: send an event for each predicted row with its features and what came out, of all functions
            that do not say ``details=`` themselves, and not of those with ``capture="none"``.
        publish_interval: seconds between two publications of the same baseline.
        shutdown_timeout: seconds that the end of the process may be held up, by all of it together.
        sigterm: have everything sent when SIGTERM ends the process; see `tidegauge._sigterm`.
        disabled: do nothing at all; ``OTEL_SDK_DISABLED=true`` says the same.

    Raises:
        ConfigurationError: a value is not possible; the message names field and environment variable.

    Example:
        >>> Settings(export_interval=60).export_interval_ns
        60000000000
    """

    export_interval: float = _time(
        "TIDEGAUGE_EXPORT_INTERVAL", 10.0, "that divide an hour or are whole hours", _is_interval
    )
    capture: CaptureMode = field(
        default="summary",
        metadata=_about(
            "TIDEGAUGE_CAPTURE", str.strip, f"one of {', '.join(CAPTURE_MODES)}", lambda value: value in CAPTURE_MODES
        ),
    )
    buffer_rows: int = _count("TIDEGAUGE_BUFFER_ROWS", 100_000)
    queue_points: int = _count("TIDEGAUGE_QUEUE_POINTS", 50_000)
    queue_events: int = _count("TIDEGAUGE_QUEUE_EVENTS", 50_000)
    receipt_key: bytes | None = field(
        default=None,
        repr=False,
        metadata=_about(
            "TIDEGAUGE_RECEIPT_KEY", str.encode, "bytes that are not empty", lambda value: value is None or value
        ),
    )
    outcome_wait: float = _time("TIDEGAUGE_OUTCOME_WAIT", 5.0)
    prediction_events: bool = _flag("TIDEGAUGE_PREDICTION_EVENTS")
    prediction_details: bool = _flag("TIDEGAUGE_PREDICTION_DETAILS")
    publish_interval: float = _time(
        "TIDEGAUGE_PUBLISH_INTERVAL", 3600.0, f"above 0, up to {_LONGEST}", lambda value: value > 0 and _is_time(value)
    )
    shutdown_timeout: float = _time("TIDEGAUGE_SHUTDOWN_TIMEOUT", 5.0)
    sigterm: bool = _flag("TIDEGAUGE_SIGTERM", True)
    disabled: bool = _flag("TIDEGAUGE_DISABLED")

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if not _is_possible(setting, value):
                shown = repr(value) if setting.repr else "what it was given"
                raise ConfigurationError(
                    f"{setting.name} ({setting.metadata[_VARIABLE]}) takes {setting.metadata[_ACCEPTS]}, not {shown}"
                )

    @property
    def export_interval_ns(self) -> int:
        """The export interval in nanoseconds."""
        return round(self.export_interval * 1_000_000_000)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Take ``given``, and what is not given from the environment.

        A variable that cannot be read falls back to the default of its setting, with one line in the log.

        Raises:
            ConfigurationError: one of ``given`` is not possible.

        >>> Settings.from_environment({"TIDEGAUGE_EXPORT_INTERVAL": "30s"}, capture="none").export_interval
        30.0
        """
        environ = os.environ if environ is None else environ
        values = {setting.name: _read(environ, setting) for setting in fields(cls) if setting.name not in given}
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            values["disabled"] = True
        return cls(**{**values, **given})


def _read(environ: Mapping[str, str], setting: Field[Any]) -> Any:
    def parse(text: str) -> Any:
        value = setting.metadata[_READ](text)
        if not _is_possible(setting, value):
            raise ValueError(text)
        return value

    accepts = setting.metadata[_ACCEPTS]
    if setting.metadata[_READ] is seconds:
        accepts += f", also {A_UNIT}"
    return read(environ, setting.metadata[_VARIABLE], parse, accepts, setting.default)


def _is_possible(setting: Field[Any], value: object) -> bool:
    try:
        return bool(setting.metadata[_CHECK](value))
    except (TypeError, ValueError):  # of another type, or an array
        return False
