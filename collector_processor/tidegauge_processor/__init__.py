"""The Tidegauge processor: OTLP in, drift and error signals out."""
