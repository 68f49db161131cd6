"""What the documents print for people to copy: configurations, and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from tests.house.packages import ROOT
from tests.house.test_files import files

_BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Printed(NamedTuple):
    """A block of a document.

    Attributes:
        place: document and line.
        language: ``yaml`` or ``console``.
        text: what stands in it.
    """

    place: str
    language: str
    text: str

    @property
    def keys(self) -> set[str]:
        """Its top-level keys, where it is YAML."""
        return set(yaml.safe_load(self.text)) if self.language == "yaml" else set()


def printed() -> Iterator[Printed]:
    """All blocks of all documents."""
    for path in files(ROOT):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            for found in _BLOCK.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                yield Printed(f"{path.relative_to(ROOT)}:{line}", found[1], found[2])


def is_for_collector(block: Printed) -> bool:
    return {"receivers", "exporters", "service"} <= block.keys


def is_for_prometheus(block: Printed) -> bool:
    return bool(block.keys & {"otlp", "scrape_configs", "rule_files"}) and "receivers" not in block.keys


def the_collectors() -> str:
    """The one configuration of a collector that is printed."""
    (block,) = filter(is_for_collector, printed())
    return block.text


def the_prometheus() -> tuple[str, list[str]]:
    """The one configuration of Prometheus that is printed, and the arguments of the one command that starts it."""
    (config,) = filter(is_for_prometheus, printed())
    lines = [line for block in printed() if block.language == "console" for line in block.text.splitlines()]
    (command,) = (line for line in lines if line.startswith("$ prometheus "))
    return config.text, command.split()[2:]


def moved(text: str, places: Mapping[str, str]) -> str:
    """A printed configuration with other addresses and folders: each must stand in it once."""
    for old, new in places.items():
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times in {text}"
        text = text.replace(old, new)
    return text


def plain(text: str) -> dict[str, Any]:
    """A configuration as plain values."""
    found: dict[str, Any] = yaml.safe_load(text)
    return found
