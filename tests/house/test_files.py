"""What holds for the files as such."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.packages import ROOT, modules

LONGEST = 300
A_LIST_OF_NAMES = "tidegauge.semconv"
MADE = re.compile(r"(\.(?!ci$|gitignore$).*|__pycache__|.*\.egg-info|dist|output|tidegauge-data)")
A_MACHINE_OR_ITS_REGISTRY = re.compile(
    r"/(?:home|root|Users)/\w|/work/\w|/tmp/\w|--(?:extra-)?index-url|--find-links|pythonhosted\.org|registry\.npmjs"
    r"|goproxy|proxy\.golang\.org|repo1?\.maven"
)


def files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if MADE.fullmatch(path.name):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


FILES = {path: path.read_text(encoding="utf-8", errors="replace") for path in files(ROOT) if path != Path(__file__)}


def test_a_module_is_short_enough_to_read_at_once() -> None:
    read = [module for module in modules() if module.name != A_LIST_OF_NAMES]
    lengths = {module.name: len(FILES[module.path].splitlines()) for module in read}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_file_names_a_machine_or_a_registry() -> None:
    named = {str(path.relative_to(ROOT)): A_MACHINE_OR_ITS_REGISTRY.findall(text) for path, text in FILES.items()}
    assert {path: found for path, found in named.items() if found} == {}


@pytest.mark.parametrize(
    "text", ["see /home/me/x", "pip install --index-url x", "url: https://files.pythonhosted.org/x"]
)
def test_a_name_is_found(text: str) -> None:
    assert A_MACHINE_OR_ITS_REGISTRY.search(text)


def test_the_files_are_found() -> None:
    assert {ROOT / "README.md", ROOT / ".ci" / "run", ROOT / "sdk" / "tidegauge" / "semconv.py"} <= set(FILES)
