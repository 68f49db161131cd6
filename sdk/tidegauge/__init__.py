"""OpenTelemetry-native monitoring of machine-learning models."""
