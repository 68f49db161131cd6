"""The SDK's settings: one frozen record, with the environment variable of each field in its metadata."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, get_args

from tidegauge.errors import ConfigurationError

CaptureMode: TypeAlias = Literal["summary", "values", "none"]
"""What a span may carry: counts and the output, the feature values too, or only the model's identity."""

CAPTURE_MODES: Final[tuple[str, ...]] = get_args(CaptureMode)
_ENVIRONMENT: Final = "environment"
_HOUR: Final = 3600


def _setting(name: str, default: Any, read: Callable[[str], Any]) -> Any:
    return field(default=default, metadata={_ENVIRONMENT: name, "read": read})


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false", "1", "0", ""):
        raise ValueError
    return lowered in ("true", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the SDK works in this process; `Settings.from_environment` reads what is not given from ``TIDEGAUGE_*``.

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

    export_interval: float = _setting("TIDEGAUGE_EXPORT_INTERVAL", 10.0, float)
    capture: CaptureMode = field(default="summary", metadata={_ENVIRONMENT: "TIDEGAUGE_CAPTURE", "read": str})
    buffer_rows: int = _setting("TIDEGAUGE_BUFFER_ROWS", 100_000, int)
    queue_points: int = _setting("TIDEGAUGE_QUEUE_POINTS", 50_000, int)
    queue_events: int = _setting("TIDEGAUGE_QUEUE_EVENTS", 50_000, int)
    receipt_key: bytes | None = field(
        default=None, repr=False, metadata={_ENVIRONMENT: "TIDEGAUGE_RECEIPT_KEY", "read": str.encode}
    )
    outcome_wait: float = _setting("TIDEGAUGE_OUTCOME_WAIT", 5.0, float)
    prediction_events: bool = _setting("TIDEGAUGE_PREDICTION_EVENTS", False, _flag)
    prediction_details: bool = _setting("TIDEGAUGE_PREDICTION_DETAILS", False, _flag)
    publish_interval: float = _setting("TIDEGAUGE_PUBLISH_INTERVAL", 3600.0, float)
    shutdown_timeout: float = _setting("TIDEGAUGE_SHUTDOWN_TIMEOUT", 5.0, float)
    sigterm: bool = _setting("TIDEGAUGE_SIGTERM", True, _flag)
    disabled: bool = _setting("TIDEGAUGE_DISABLED", False, _flag)

    def __post_init__(self) -> None:
        for name in ("export_interval", "outcome_wait", "publish_interval", "shutdown_timeout"):
            if not abs(getattr(self, name)) <= threading.TIMEOUT_MAX:  # said so that NaN is refused too
                raise _wrong(name, getattr(self, name), "must be a finite number of seconds, less than 290 years")
        for name in ("buffer_rows", "queue_points", "queue_events", "publish_interval"):
            if getattr(self, name) <= 0:
                raise _wrong(name, getattr(self, name), "must be above 0")
        for name in ("outcome_wait", "shutdown_timeout"):
            if getattr(self, name) < 0:
                raise _wrong(name, getattr(self, name), "must not be negative")
        if self.capture not in CAPTURE_MODES:
            raise _wrong("capture", self.capture, f"must be one of {', '.join(CAPTURE_MODES)}")
        if self.receipt_key is not None and not self.receipt_key:
            raise ConfigurationError("receipt_key (TIDEGAUGE_RECEIPT_KEY) is empty: leave it out or give it a value")
        interval = self.export_interval_ns
        hour = _HOUR * 1_000_000_000
        if not (interval > 0 and (hour % interval == 0 or interval % hour == 0)):
            raise _wrong("export_interval", self.export_interval, "must divide an hour or be whole hours, in seconds")

    @property
    def export_interval_ns(self) -> int:
        """The export interval in nanoseconds."""
        return round(self.export_interval * 1_000_000_000)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Take ``given``, and what is not given from the environment.

        >>> Settings.from_environment({"TIDEGAUGE_EXPORT_INTERVAL": "30"}, capture="none").export_interval
        30.0
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for setting in fields(cls):
            text = environ.get(setting.metadata[_ENVIRONMENT])
            if text is None or not text.strip():
                continue
            try:
                values[setting.name] = setting.metadata["read"](text)
            except ValueError:
                raise _wrong(setting.name, text, f"cannot be read as {setting.type}") from None
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            values["disabled"] = True
        return cls(**{**values, **given})


def _wrong(name: str, value: object, why: str) -> ConfigurationError:
    variable = next(setting.metadata[_ENVIRONMENT] for setting in fields(Settings) if setting.name == name)
    return ConfigurationError(f"{name} ({variable}) {why}, not {value!r}")
