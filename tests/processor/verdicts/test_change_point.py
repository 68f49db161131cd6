"""When a change began, on histories whose beginning is known."""

from collections.abc import Callable

import numpy as np
import pytest

from tidegauge_processor.verdicts.change_point import change_point, change_point_beside
from tidegauge_processor.verdicts.incidents import IncidentLog
from tidegauge_processor.verdicts.judge import judge
from tidegauge_processor.verdicts.state import State
from tidegauge_processor.verdicts.types import Policy, Reference, Stream, TestResult, Verdict, Window

INCOME, COUNTRY = Stream("feature", "income"), Stream("feature", "country")
POLICY = Policy()
BOUNDS = np.linspace(-2.5, 2.5, 29)
ROWS, BEGINS = 200, 80
ALWAYS = np.array([True])
LONGEST = max(POLICY.scales)


def cells(values: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(BOUNDS, values), minlength=BOUNDS.size + 1)


def how_late(seed: int, shift: Callable[[int], float], spread: float = 1.0, hours: int = 300) -> int | None:
    """Windows from the true beginning to the change point of the first incident after it; None without one."""
    rng = np.random.default_rng(seed)
    references = {INCOME: Reference(cells(rng.normal(size=20_000))[None], BOUNDS)}
    log, history = IncidentLog(), list[Window]()

    def began(verdict: Verdict, earliest: int) -> int:
        return change_point([w for w in history if w.start >= earliest], references[verdict.stream], verdict)

    for hour in range(hours):
        values = rng.normal(shift(hour), spread if hour >= BEGINS else 1.0, ROWS)
        history = [*history, Window(hour, hour + 1, {INCOME: cells(values)}, ALWAYS)][-LONGEST:]
        if hour < BEGINS:
            continue
        for change in log.update(judge(history, references, POLICY), history[-1], POLICY, began):
            assert change.kind == "opened"
            return change.change_point - BEGINS
    return None


def sudden(size: float) -> Callable[[int], float]:
    return lambda hour: size * (hour >= BEGINS)


def slow(per_hour: float) -> Callable[[int], float]:
    return lambda hour: per_hour * max(hour - BEGINS, 0)


@pytest.mark.parametrize("seed", range(8))
def test_half_a_standard_deviation_is_dated_within_one_window(seed):
    assert how_late(seed, sudden(0.5)) in (-1, 0, 1)


def test_a_fifth_of_a_standard_deviation_is_dated_within_a_few_windows():
    found = [late for seed in range(12) if (late := how_late(seed, sudden(0.2))) is not None]
    assert len(found) == 12
    assert sum(abs(late) <= 1 for late in found) >= 9
    assert max(map(abs, found)) <= 6


def test_a_slow_change_is_not_dated_long_before_it_began():
    found = [late for seed in range(5) if (late := how_late(seed, slow(0.01))) is not None]
    assert len(found) == 5
    assert min(found) >= -3
    assert max(found) <= 15  # it opens after 12 to 19 windows: what is dated is when it became visible


def test_a_change_of_spread_is_dated_too():
    found = [late for seed in range(6) if (late := how_late(seed, sudden(0.0), spread=1.3)) is not None]
    assert len(found) == 6
    assert max(map(abs, found)) <= 3


def alarm(stream: Stream, method: str) -> Verdict:
    return Verdict(stream, 1, 0, 1, 100, State.CHANGED, (TestResult("g_test", 1.0, 0.5), TestResult(method, 9.0, 1e-9)))


def test_a_new_rare_category_is_dated_by_the_cells_as_they_are():
    rng = np.random.default_rng(5)
    reference = Reference(np.array([[5_000, 3_000, 1_990, 10]]))
    windows = []
    for hour in range(40):
        new = 4 if hour >= 31 else 0
        counts = rng.multinomial(ROWS, [0.5, 0.3, 0.2, 0]) + np.array([0, 0, 0, new])
        windows.append(Window(hour, hour + 1, {COUNTRY: counts}, ALWAYS))
    assert change_point(windows, reference, alarm(COUNTRY, "fisher_exact")) == 31


def test_the_night_is_compared_with_the_night():
    """Day and night differ more than the change does; only from hour 30 on are they not as they were."""
    day, night = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.8, 0.1])
    reference = Reference((np.stack([day, night]) * 6_000).astype(np.int64))
    windows = []
    for hour in range(48):
        shares = (day if hour % 2 == 0 else night) * (0.9 if hour >= 30 else 1.0)
        counts = np.rint(400 * (shares + np.array([0, 0, 1 - shares.sum()]))).astype(np.int64)
        windows.append(Window(hour, hour + 1, {COUNTRY: counts}, np.array([hour % 2 == 0, hour % 2 == 1])))
    assert change_point(windows, reference, alarm(COUNTRY, "g_test")) == 30


def test_hours_without_rows_do_not_move_it():
    reference = Reference(np.array([[5_000, 5_000, 5_000]]))
    quiet, loud, nothing = np.array([50, 50, 50]), np.array([20, 30, 100]), np.zeros(3, dtype=np.int64)
    courses = [quiet] * 6 + [nothing] * 4 + [loud, nothing, loud]
    windows = [Window(hour, hour + 1, {COUNTRY: counts}, ALWAYS) for hour, counts in enumerate(courses)]
    assert change_point(windows, reference, alarm(COUNTRY, "g_test")) == 10


@pytest.mark.parametrize("begins", [0, 7, 10, 11])
def test_beside_another_version_it_is_where_the_two_part(begins: int) -> None:
    quiet, loud = np.array([50, 50]), np.array([20, 80])
    ours, theirs = (
        [Window(hour, hour + 1, {COUNTRY: quiet if hour < end else loud}, ALWAYS) for hour in range(12)]
        for end in (begins, 12)
    )
    alarm = Verdict(COUNTRY, 12, 0, 12, 1_200, State.CHANGED, (TestResult("fisher_exact", 2.0, 1e-9),))
    assert change_point_beside(ours, theirs, Reference(quiet[None]), alarm) == begins
