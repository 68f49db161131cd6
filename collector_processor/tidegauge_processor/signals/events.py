"""Signals that are said once: log records on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from tidegauge.baseline import Baseline
from tidegauge_processor.comparison import QUALITY
from tidegauge_processor.paging import pages
from tidegauge_processor.performance.effect import Effect
from tidegauge_processor.signals.subject import Subject
from tidegauge_processor.verdicts.incidents import IncidentChange
from tidegauge_processor.verdicts.state import CloseReason, State


@dataclass(frozen=True, slots=True)
class IncidentSignal:
    """An incident opened, grew or closed.

    Attributes:
        id: key of the incident.
        change: what happened.
        since: start of what is out of the ordinary, ns since the epoch.
        change_point: when the change most likely began, ns since the epoch.
        state: ``changed``, or ``material`` when it is worth a page.
        streams: the streams concerned, strongest evidence first, each as a sentence.
        traces: example calls, as (trace id, span id).
        pages: whether somebody should look at once, see `paging`.
        versus: the version compared with; empty where it is the baseline.
        cause: what showed it: ``drift`` of what came in and went out, data ``quality``, ``labels`` that say that the
            model has become worse, or ``fairness`` between groups.
        effect: what is expected of the performance in the windows that showed it; None where nothing is known.
        close_reason: why it closed; None while it is open.
    """

    subject: Subject
    id: str
    change: Literal["opened", "grew", "closed"]
    since: int
    change_point: int
    state: State
    streams: tuple[str, ...]
    traces: tuple[tuple[str, str], ...]
    pages: bool
    versus: str = ""
    cause: Literal["drift", "quality", "labels", "fairness"] = "drift"
    effect: Effect | None = None
    close_reason: CloseReason | None = None

    @classmethod
    def of(
        cls,
        change: IncidentChange,
        subject: Subject,
        traces: tuple[tuple[str, str], ...] = (),
        effect: Effect | None = None,
    ) -> Self:
        """Say what became of an incident."""
        return cls(
            subject,
            change.id,
            change.kind,
            change.since,
            change.change_point,
            change.state,
            change.sentences(),
            traces,
            pages(change, effect),
            cause="quality" if change.cause == QUALITY else "drift",
            effect=effect,
            close_reason=change.reason,
        )


@dataclass(frozen=True, slots=True)
class BaselineSignal:
    """Another baseline is in force.

    Attributes:
        previous: id of the one before; empty when there was none.
        learned: the baseline itself, when it has just been learned.
    """

    subject: Subject
    previous: str
    learned: Baseline | None = None


@dataclass(frozen=True, slots=True)
class ConflictSignal:
    """Rows of a window came with another baseline than the one in use, and could not be compared.

    Attributes:
        other: id of the other one; empty where rows came without any.
        rows: how many of its rows are left out, in part at least.
        streams: what both count, in cells of their own: names of features, or of metrics.
    """

    subject: Subject
    other: str
    rows: int
    streams: tuple[str, ...]
