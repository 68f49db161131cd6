"""The layers hold: who may import whom."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import pytest

from tests.house.packages import Module, modules, parse

MODULES = modules()

WIRE = (
    *("google", "grpc", "grpc_health", "grpc_status", "opentelemetry.proto", "opentelemetry.exporter"),
    "requests",
)
CLOCKS_AND_IO = (
    *("asyncio", "concurrent", "datetime", "http", "io", "logging", "multiprocessing", "os", "pathlib", "queue"),
    *("random", "selectors", "shutil", "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading"),
    *("time", "urllib", "uuid", "yaml", "opentelemetry", *WIRE),
)
SHARED = tuple(
    f"tidegauge.{part}"
    for part in (
        *("semconv", "errors", "statistics", "summaries", "columns", "baseline", "receipt", "score_codes"),
        *("observation", "examples", "peer"),
    )
)


def within(name: str, parts: Iterable[str]) -> bool:
    """Whether the dotted ``name`` is one of ``parts`` or lies in one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def ours(name: str) -> bool:
    return within(name, ("tidegauge", "tidegauge_processor"))


def imports_nothing_of_ours(module: Module) -> set[str]:
    return {name for name in module.imported if ours(name)}


def imports_of_ours_only_what_is_shared(module: Module) -> set[str]:
    return {name for name in module.imported if ours(name) and not within(name, SHARED)}


def imports_of_the_sdk_only_what_is_shared(module: Module) -> set[str]:
    return {name for name in module.imported if within(name, ["tidegauge"]) and not within(name, SHARED)}


def imports_nothing_of_the_processor(module: Module) -> set[str]:
    return {name for name in module.imported if within(name, ["tidegauge_processor"])}


def imports_only_its_few_dependencies(module: Module) -> set[str]:
    few = (*sys.stdlib_module_names, "numpy", "opentelemetry", "tidegauge", *WIRE)
    return {name for name in module.imported if not within(name, few)}


def knows_no_wire_format(module: Module) -> set[str]:
    return {name for name in module.imported if within(name, WIRE)}


def knows_no_database(module: Module) -> set[str]:
    return {name for name in module.imported if within(name, ["sqlite3"])}


def knows_no_clock_no_io_no_otel(module: Module) -> set[str]:
    return {name for name in module.imported if within(name, CLOCKS_AND_IO)} | (module.called & {"open", "print"})


RULES: list[tuple[Callable[[Module], set[str]], tuple[str, ...], tuple[str, ...]]] = [
    # rule, where it holds, except there
    (imports_nothing_of_ours, ("tidegauge.semconv", "tidegauge.errors"), ()),
    (imports_of_ours_only_what_is_shared, SHARED, ()),
    (imports_nothing_of_the_processor, ("tidegauge",), ()),
    (imports_only_its_few_dependencies, ("tidegauge",), ()),
    (imports_of_the_sdk_only_what_is_shared, ("tidegauge_processor",), ()),
    (knows_no_wire_format, ("tidegauge", "tidegauge_processor"), ("tidegauge._export", "tidegauge_processor.otlp")),
    (
        knows_no_database,
        ("tidegauge", "tidegauge_processor"),
        ("tidegauge_processor.state.store", "tidegauge_processor.state.database"),
    ),
    (
        knows_no_clock_no_io_no_otel,
        ("tidegauge.summaries", "tidegauge_processor.verdicts", "tidegauge_processor.performance"),
        (),
    ),
]


@pytest.mark.parametrize(("rule", "where", "but"), RULES, ids=[rule.__name__ for rule, _, _ in RULES])
def test_layer(rule: Callable[[Module], set[str]], where: tuple[str, ...], but: tuple[str, ...]) -> None:
    bound = [module for module in MODULES if within(module.name, where) and not within(module.name, but)]
    assert [part for part in (*where, *but) if not any(within(module.name, [part]) for module in MODULES)] == []
    broken = {module.name: sorted(rule(module)) for module in bound if rule(module)}
    assert broken == {}


@pytest.mark.parametrize(
    ("rule", "name", "code", "found"),
    [
        (imports_nothing_of_ours, "tidegauge.errors", "from tidegauge import semconv", "tidegauge.semconv"),
        (imports_of_ours_only_what_is_shared, "tidegauge.columns", "from . import _safety", "tidegauge._safety"),
        (imports_nothing_of_the_processor, "tidegauge.x", "import tidegauge_processor", "tidegauge_processor"),
        (imports_only_its_few_dependencies, "tidegauge.x", "def f():\n import pandas as pd", "pandas"),
        (imports_of_the_sdk_only_what_is_shared, "tidegauge_processor.x", "import tidegauge", "tidegauge"),
        (knows_no_wire_format, "tidegauge_processor.x", "import grpc.aio", "grpc.aio"),
        (knows_no_database, "tidegauge_processor.x", "from sqlite3 import connect", "sqlite3.connect"),
        (knows_no_clock_no_io_no_otel, "tidegauge.summaries.x", "from time import time_ns", "time.time_ns"),
        (knows_no_clock_no_io_no_otel, "tidegauge.summaries.x", "open('x')", "open"),
    ],
)
def test_a_rule_finds_what_breaks_it(rule: Callable[[Module], set[str]], name: str, code: str, found: str) -> None:
    assert rule(parse(name, code)) == {found}
