"""Bits that flip in the files of a state and files that are cut short: never without a word, never the end."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processor.damage import Output, copied, flip, folded, killed, truncate, used

NAMED = re.compile(
    r"\b(position|request|unit|baseline|signal|joined prediction)s? \S+"
    r"|rows of \w+ are missing|is damaged \(|is missing|is empty|is older"
)


class States(NamedTuple):
    """A state with its log, the same with the log in the file, and what comes out of both when nothing is damaged."""

    left: list[Path]
    expected: Output


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    folder = tmp_path_factory.mktemp("states")
    killed(folder / "killed")
    left = [folder / "killed", copied(folder / "killed", folder / "folded")]
    folded(left[1])
    outputs = [used(copied(state, folder / f"used-{state.name}")) for state in left]
    assert outputs[0] == outputs[1]
    assert outputs[0].lost == {}
    return States(left, outputs[0])


def check(states: States, folder: Path, caplog: pytest.LogCaptureFixture, seed: int, how: str) -> None:
    chance = random.Random(f"{how} {seed}")
    state = copied(states.left[seed % 2], folder / "state")
    what = {"flip": flip, "truncate": truncate}[how](state, chance)
    caplog.clear()
    output = used(state)
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    if output.lost:
        assert any(NAMED.search(line) for line in said), f"{what}: {said}"
    else:
        assert (output.said, output.units) == (states.expected.said, states.expected.units), f"{what}: silent"


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_changes_nothing_or_is_said(
    states: States, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    check(states, tmp_path, caplog, seed, "flip")


@pytest.mark.parametrize("seed", range(3))
def test_a_file_that_was_cut_changes_nothing_or_is_said(
    states: States, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    check(states, tmp_path, caplog, seed, "truncate")


@pytest.mark.damage
@pytest.mark.parametrize("seed", range(100, 180))
def test_eighty_flipped_bits(states: States, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    check(states, tmp_path, caplog, seed, "flip")


@pytest.mark.damage
@pytest.mark.parametrize("seed", range(100, 120))
def test_twenty_files_that_were_cut(
    states: States, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    check(states, tmp_path, caplog, seed, "truncate")
