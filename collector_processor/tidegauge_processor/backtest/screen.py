"""A backtest for a person to read: what moved, since when and how far, which incidents, and what could not be said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from tidegauge.baseline import Baseline
from tidegauge_processor.backtest.results import Backtest, IncidentRecord, StreamRecord, WindowStreamRecord, shortened
from tidegauge_processor.backtest.screen_labels import show_evaluations
from tidegauge_processor.verdicts.state import State

_MOST_STREAMS: Final = 25
_MOST_INCIDENTS: Final = 25
_MOST_NAMES: Final = 12
_MOST_REASONS: Final = 4
_PSI: Final = "psi_half_count"


@dataclass(slots=True)
class _Course:
    """One stream over all windows.

    Attributes:
        target: what kind of stream it is.
        name: its name.
        states: windows in each state.
        first: start of the first window with an alarm.
        largest: the alarm with the largest effect.
        at: start of that window.
        shifts: what the quiet windows could have seen.
    """

    target: str
    name: str
    states: Counter[State] = field(default_factory=Counter)
    first: datetime | None = None
    largest: StreamRecord | None = None
    at: datetime | None = None
    shifts: list[float] = field(default_factory=list)

    def take_up(self, start: datetime, stream: WindowStreamRecord) -> None:
        self.states[stream.state] += 1
        if stream.state is State.OK and stream.detectable_shift is not None:
            self.shifts.append(stream.detectable_shift)
        if not stream.state.alarming:
            return
        self.first = self.first or start
        if self.largest is None or (stream.effect or 0.0) > (self.largest.effect or 0.0):
            self.largest, self.at = stream, start


def show(backtest: Backtest, baseline: Baseline, console: Console) -> None:
    """Print what a backtest found."""
    courses = _courses(backtest)
    _show_head(backtest, baseline, console)
    _show_moved(courses, console)
    show_evaluations(backtest, baseline.task, console)
    _show_incidents(backtest, console)
    _show_unsaid(backtest, console)


def _courses(backtest: Backtest) -> list[_Course]:
    """What alarmed comes first: the most material windows, then the most changed ones, then the largest effect."""
    found: dict[tuple[str, str], _Course] = {}
    for window in backtest.windows:
        for stream in window.streams:
            course = found.setdefault((stream.target, stream.name), _Course(stream.target, stream.name))
            course.take_up(window.start, stream)
    return sorted(found.values(), key=_weight)


def _weight(course: _Course) -> tuple[int, int, float]:
    effect = course.largest.effect if course.largest and course.largest.effect else 0.0
    return -course.states[State.MATERIAL], -course.states[State.CHANGED], -effect


def _show_head(backtest: Backtest, baseline: Baseline, console: Console) -> None:
    first, last = backtest.windows[0].start, backtest.windows[-1].end
    windows = f"{len(backtest.windows):,} window{'s' if len(backtest.windows) > 1 else ''} of {backtest.window}"
    console.print(f"{backtest.model} {backtest.version}", style="bold")
    console.print(f"{backtest.rows:,} rows in {windows}, {_when(first)} to {_when(last)} UTC")
    console.print(f"compared with baseline {backtest.baseline} of {baseline.rows:,} rows\n")


def _show_moved(courses: list[_Course], console: Console) -> None:
    moved = [course for course in courses if course.first is not None]
    if moved:
        console.print(_moved_table(moved))
        if len(moved) > _MOST_STREAMS:
            console.print(f"... and {len(moved) - _MOST_STREAMS} more")
        console.print(
            "Windows are counted by the strongest claim at their close, alone or merged with those before. material: "
            "significant, and surely above the effect floor; changed: significant, however small. The effect is the KS "
            "distance of numbers, or the largest difference of shares of categories (0 to 1).",
            style="dim",
        )
    elif any(course.states[State.OK] for course in courses):
        console.print("Nothing moved: no stream that could be judged left the baseline by more than chance.")
    else:
        console.print("Nothing could be judged: below it says why.")
    steady = [course.name for course in courses if course.first is None and course.states[State.OK]]
    if steady:
        console.print(f"Never out of the ordinary: {shortened(steady, _MOST_NAMES)}.")
    shifts = sorted(shift for course in courses for shift in course.shifts)
    if shifts:
        half = shifts[len(shifts) // 2]
        console.print(f"Half of the quiet verdicts would have seen a shift of {half:.2g} standard deviations or less.")


def _moved_table(moved: list[_Course]) -> Table:
    table = Table(title="What moved", title_justify="left", title_style="bold")
    for heading in ("stream", "first alarm"):
        table.add_column(heading)
    for heading in ("material", "changed", "ok", "no verdict", "largest effect", "at least", "PSI then"):
        table.add_column(heading, justify="right")
    table.add_column("window from")
    for course in moved[:_MOST_STREAMS]:
        counts = [course.states[s] for s in (State.MATERIAL, State.CHANGED, State.OK, State.INSUFFICIENT_DATA)]
        largest = course.largest
        sizes = (largest.effect, largest.effect_lower, largest.effects.get(_PSI)) if largest else (None, None, None)
        when = f"{_when(course.at)}, {largest.window}" if course.at and largest else ""
        cells = [f"{count:,}" for count in counts] + ["" if size is None else f"{size:.2f}" for size in sizes]
        table.add_row(course.name, _when(course.first) if course.first else "", *cells, when)
    return table


def _show_incidents(backtest: Backtest, console: Console) -> None:
    incidents = backtest.incidents
    console.print()
    if not incidents:
        console.print("No incident would have been opened.")
        return
    table = Table(title="Incidents", title_justify="left", title_style="bold")
    for heading in ("opened", "closed", "level", "began", "streams, strongest evidence first"):
        table.add_column(heading)
    for incident in incidents[:_MOST_INCIDENTS]:
        closed = _when(incident.closed) if incident.closed else "open"
        moments = _when(incident.opened), closed, incident.level, _when(incident.change_point)
        table.add_row(*moments, shortened(_concerned(incident), 3))
    console.print(table)
    if len(incidents) > _MOST_INCIDENTS:
        console.print(f"... and {len(incidents) - _MOST_INCIDENTS} more")
    paging = sum(incident.pages for incident in incidents)
    console.print(f"{len(incidents)} in all, {paging} of them worth a page.")
    for incident in incidents[:_MOST_INCIDENTS]:
        if incident.level == "material" and not incident.pages:
            why = "only inputs changed, and the accuracy or error to be expected is surely no worse"
            console.print(f"That of {_when(incident.opened)} is none: {why}.")


def _concerned(incident: IncidentRecord) -> Iterator[str]:
    for stream in incident.streams:
        yield stream.name if stream.effect is None else f"{stream.name} {stream.effect:.2f}"


def _show_unsaid(backtest: Backtest, console: Console) -> None:
    unsaid: Counter[str] = Counter()
    total = 0
    for window in backtest.windows:
        total += len(window.streams)
        silent = (stream for stream in window.streams if stream.state is State.INSUFFICIENT_DATA)
        unsaid.update(re.sub(r"\d[\d.e+-]*", "#", stream.reason) for stream in silent)
    if not unsaid:
        return
    number = sum(unsaid.values())
    console.print(f"\ninsufficient_data: {number:,} of {total:,} verdicts. It is no reassurance: nothing can be said.")
    for reason, count in unsaid.most_common(_MOST_REASONS):
        console.print(f"  {count:>9,}  {reason}")
    console.print("Longer windows hold more rows: try --window.", style="dim")


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
