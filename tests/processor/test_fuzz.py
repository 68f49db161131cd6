"""A few seeds of `make fuzz`: honest models do not notice a stranger, and what is done to them is noticed here."""

import logging
from random import Random

import pytest

from tests.fuzz import stage
from tests.fuzz.__main__ import attempt
from tests.fuzz.stage import Outcome, honest, run, strange


@pytest.fixture(scope="module")
def undisturbed() -> Outcome:
    return run()


@pytest.fixture(autouse=True)
def _log_again() -> object:
    yield
    logging.disable(logging.NOTSET)


def test_honest_models_do_not_notice_a_stranger(undisturbed: Outcome) -> None:
    assert len(undisturbed.said) > 500
    assert undisturbed.failures == {}
    assert [found.wrong for seed in range(12) if (found := attempt(seed, undisturbed)).wrong] == []


def test_a_crash_alone_changes_nothing(undisturbed: Outcome) -> None:
    nobody: list[list[stage.Request]] = [[], [], []]
    assert {tuple(run(nobody, Random(seed)).said) for seed in range(3)} == {tuple(undisturbed.said)}


def test_the_same_seed_makes_the_same_requests() -> None:
    assert strange(Random(5)) == strange(Random(5))


def test_what_is_done_to_an_honest_model_is_noticed(undisturbed: Outcome) -> None:
    again = [[], [honest()[2][0]], []]  # what it sends for a window, before its time
    assert run(again, Random(0)).said != undisturbed.said
