"""OpenTelemetry-native monitoring of machine-learning models.

Decorate ``predict``; see drift, errors, data quality and performance as OTLP metrics and events.
"""

from tidegauge._configure import configure, flush, shutdown
from tidegauge._feedback import record_outcome
from tidegauge._latest import last_prediction
from tidegauge._lifespan import lifespan
from tidegauge._monitor import monitor, prediction
from tidegauge._outcomes import RecordedOutcomes, record_outcomes
from tidegauge._prediction import Prediction
from tidegauge._settings import Settings
from tidegauge.baseline import Baseline
from tidegauge.clock import Clock, ManualClock
from tidegauge.errors import (
    BaselineError,
    CaptureError,
    ConfigurationError,
    DataError,
    ReceiptError,
    StorageError,
    SummaryError,
    TidegaugeError,
    WireError,
)

__all__ = [
    "Baseline",
    "BaselineError",
    "CaptureError",
    "Clock",
    "ConfigurationError",
    "DataError",
    "ManualClock",
    "Prediction",
    "ReceiptError",
    "RecordedOutcomes",
    "Settings",
    "StorageError",
    "SummaryError",
    "TidegaugeError",
    "WireError",
    "configure",
    "flush",
    "last_prediction",
    "lifespan",
    "monitor",
    "prediction",
    "record_outcome",
    "record_outcomes",
    "shutdown",
]
