"""The configuration: YAML with the Collector's key names, checked as a whole, every mistake with its line."""

from tidegauge_processor.config.config import Config, check, load
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.config.sections import Drift

__all__ = ["Config", "Drift", "Duration", "check", "load"]
