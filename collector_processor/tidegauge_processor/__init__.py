"""The Tidegauge processor: OTLP in, drift and error signals out."""

from importlib.metadata import version

__version__ = version("tidegauge")
