"""What the house's tests know of the repository."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "tidegauge": ROOT / "sdk" / "tidegauge",
    "tidegauge_processor": ROOT / "collector_processor" / "tidegauge_processor",
}


@dataclass(frozen=True)
class Module:
    """One file of a package.

    Attributes:
        name: dotted.
        path: of the file.
        imported: dotted names of modules that it imports anywhere in it, also inside functions and for types only.
        called: names of functions that it calls by their bare names.
        texts: its string literals.
    """

    name: str
    path: Path
    imported: frozenset[str]
    called: frozenset[str]
    texts: frozenset[str]


@cache
def modules() -> list[Module]:
    """Every module of both packages, by name."""
    found = [
        parse(module_name(path, folder), path.read_text(encoding="utf-8"), path)
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
    ]
    return sorted(found, key=lambda module: module.name)


def module_name(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(name: str, code: str, path: Path = ROOT) -> Module:
    tree = ast.parse(code)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return Module(name, path, frozenset(_imported(tree, package)), frozenset(called), frozenset(texts))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            # `from tidegauge import semconv` imports a module, `from tidegauge.errors import WireError` a name in one.
            yield from (f"{source}.{alias.name}" for alias in node.names)
