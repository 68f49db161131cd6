"""The processor's configuration as a whole, and how it is read from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from tidegauge.errors import ConfigurationError
from tidegauge_processor.config import yaml_lines
from tidegauge_processor.config.durations import Duration
from tidegauge_processor.config.mistakes import conflict, explain
from tidegauge_processor.config.sections import (
    Drift,
    Exporter,
    Labels,
    Learning,
    Limits,
    Model,
    Receiver,
    Section,
    Service,
    Storage,
    Windows,
    none_is_empty,
)
from tidegauge_processor.config.types import Count, Time


class Config(Section):
    """All settings of the processor.

    Attributes:
        receiver, exporter, storage, windows, learning, labels, limits, drift, service: see the classes.
        metrics_flush_interval: how often the latest signals are sent again, so that a back end does not forget them.
        series_expiration: a series that saw no data for so long is no longer sent.
        aggregation_cardinality_limit: streams of one model beside those that its baseline lists; the rest share one
            overflow stream.
        baselines: folder of baseline files; empty: baselines come by OTLP only.
        replay: signals are stamped with event time and said once, for history.
        models: name -> what differs for that model.
    """

    receiver: Receiver = Receiver()
    exporter: Exporter = Exporter()
    storage: Storage = Storage()
    windows: Windows = Windows()
    learning: Learning = Learning()
    labels: Labels = Labels()
    limits: Limits = Limits()
    metrics_flush_interval: Annotated[Time, Field(ge=Duration.parse("1s"))] = Duration.parse("60s")
    series_expiration: Time = Duration.parse("24h")
    aggregation_cardinality_limit: Count = 2000
    baselines: str = ""
    replay: bool = False
    drift: Drift = Drift()
    models: Annotated[Mapping[str, Model], BeforeValidator(none_is_empty)] = Field(default_factory=dict)
    service: Service = Service()

    @model_validator(mode="after")
    def _series_outlive_a_window(self) -> Self:
        if self.series_expiration < self.windows.duration:
            raise conflict(
                "series_expiration",
                f"signals would vanish before the next window replaces them: "
                f"write at least windows.duration, {self.windows.duration}",
                "windows.duration",
            )
        return self

    def for_model(self, name: str) -> Drift:
        """Drift settings in force for the model ``name``.

        >>> config = Config.model_validate({"models": {"fraud": {"drift": {"effect_floor": 0.05}}}})
        >>> config.for_model("fraud").effect_floor, config.for_model("fraud").quiet_windows
        (0.05, 24)
        """
        if name not in self.models:
            return self.drift
        own = self.models[name].drift
        return self.drift.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def load(path: str | Path | None) -> Config:
    """Read a configuration file.

    Args:
        path: a YAML file; None for the defaults.

    Raises:
        ConfigurationError: the file cannot be read, or settings are wrong: all of them, one line each, every line
            with the file, the line in it, the setting, what is wrong and how to mend it.
    """
    if path is None:
        return Config()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not a text in UTF-8: give a YAML file") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    config, mistakes = check(yaml_lines.read(text, os.environ))
    if config is None:
        raise ConfigurationError("\n".join(f"{path}:{mistake}" for mistake in mistakes))
    return config


def check(document: yaml_lines.Document) -> tuple[Config | None, list[yaml_lines.Mistake]]:
    """Validate a document: the configuration, or None and every mistake in the order of the lines."""
    mistakes, data = list(document.mistakes), document.data
    config = None
    while config is None:
        try:
            config = Config.model_validate(data)
        except ValidationError as error:
            found, data = explain(error, Config, document, data, known=mistakes)
            mistakes += found
            if data is None:
                break
    return (None if mistakes else config), sorted(mistakes, key=lambda mistake: mistake.line)
