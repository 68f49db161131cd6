"""The names in semconv.py, the registry beside it and the READMEs' tables are the same."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.packages import PACKAGES, ROOT, modules
from tidegauge import semconv

NOT_NAMES = {"SCOPE_NAME", "PROCESSOR_SCOPE_NAME", "SCHEMA_URL"}
GROUPS: list[dict[str, Any]] = yaml.safe_load(Path(semconv.__file__).with_suffix(".yaml").read_text("utf-8"))["groups"]
ATTRIBUTES = [attribute for group in GROUPS for attribute in group.get("attributes", ()) if "id" in attribute]
METRICS = {group["metric_name"]: group for group in GROUPS if group["type"] == "metric"}
EVENTS = {group["name"]: group for group in GROUPS if group["type"] == "event"}

INSTRUMENTS = {"counter", "gauge", "histogram"}
STABILITIES = {"stable", "development"}
TYPES = {"string", "int", "double", "boolean", "string[]", "int[]", "double[]", "boolean[]", "template[string]"}

READMES = [
    path
    for path in (ROOT / "README.md", *(folder.parent / "README.md" for folder in PACKAGES.values()))
    if path.exists()
]


def spelled(prefix: str) -> set[str]:
    return {value for name, value in constants().items() if name.startswith(prefix)}


def constants() -> dict[str, str]:
    return {name: value for name, value in vars(semconv).items() if name.isupper() and name not in NOT_NAMES}


def table_rows(text: str) -> list[tuple[list[str], str, list[str]]]:
    """Names, shape and unit, and attributes of the rows of tables `name | shape, unit | attributes...`."""
    rows, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            inside = False
        elif cells[:2] == ["name", "shape, unit"]:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append((quoted(cells[0]), cells[1], quoted(cells[2]) if len(cells) > 2 else []))
    return rows


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_attributes_are_the_same() -> None:
    others = {name for name in constants() if name.startswith(("METRIC_", "EVENT_"))}
    in_code = {value.removesuffix(".") for name, value in constants().items() if name not in others}
    assert {attribute["id"] for attribute in ATTRIBUTES} == in_code


def test_metrics_are_the_same() -> None:
    assert set(METRICS) == spelled("METRIC_")


def test_events_are_the_same() -> None:
    assert set(EVENTS) == spelled("EVENT_")


def test_the_registry_is_well_formed() -> None:
    ids = Counter(item["id"] for item in (*GROUPS, *ATTRIBUTES))
    assert [name for name, times in ids.items() if times > 1] == []
    for group in GROUPS:
        assert group["brief"].endswith("."), group["id"]
        assert group["type"] == "attribute_group" or group["stability"] in STABILITIES, group["id"]
        references = [attribute["ref"] for attribute in group.get("attributes", ()) if "ref" in attribute]
        assert set(references) <= {attribute["id"] for attribute in ATTRIBUTES}, group["id"]
    for attribute in ATTRIBUTES:
        kind = attribute["type"]
        members = kind["members"] if isinstance(kind, dict) else []
        assert members or (kind in TYPES and attribute["examples"]), attribute["id"]
        assert attribute["brief"].endswith("."), attribute["id"]
        assert {attribute["stability"], *(member["stability"] for member in members)} <= STABILITIES, attribute["id"]
    for name, metric in METRICS.items():
        assert metric["id"] == f"metric.{name}"
        assert metric["instrument"] in INSTRUMENTS
        assert isinstance(metric["unit"], str)


@pytest.mark.parametrize("name", sorted({*METRICS, *EVENTS, *(attribute["id"] for attribute in ATTRIBUTES)}))
def test_a_name_follows_the_conventions(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*([._][a-z0-9]+)+", name)
    assert not name.endswith("_total")


def test_a_name_is_spelled_once() -> None:
    elsewhere = {
        module.name: sorted(text for text in module.texts if re.fullmatch(r"ml\.[a-z_.]+", text))
        for module in modules()
        if module.name != "tidegauge.semconv"
    }
    assert {name: found for name, found in elsewhere.items() if found} == {}


def test_the_readmes_tables_name_every_metric() -> None:
    rows = [row for path in READMES for row in table_rows(path.read_text("utf-8"))]
    if not rows:
        return
    assert {name for names, _, _ in rows for name in names} == set(METRICS)
    known = {attribute["id"] for attribute in ATTRIBUTES}
    for names, shape, attributes in rows:
        for name in names:
            assert METRICS[name]["instrument"] in shape, name
            assert not METRICS[name]["unit"] or METRICS[name]["unit"] in shape, name
        assert {attribute.removesuffix(".*") for attribute in attributes} <= known, names


def test_a_table_is_read() -> None:
    text = (
        "|name|shape, unit|attributes|\n|---|:-:|---|\n| `a`, `b` | counter, {x} | `c` or none |\n\n| `d` | gauge | |\n"
    )
    assert table_rows(text) == [(["a", "b"], "counter, {x}", ["c"])]
