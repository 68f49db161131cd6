"""How good the predictions were, for a person to read: day by day or month by month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from tidegauge_processor.backtest.evaluations import EvaluationRecord, LabelsRecord
from tidegauge_processor.backtest.results import Backtest
from tidegauge_processor.performance.fairness import NOT_COMPARED

_MOST_LINES: Final = 14

_SHOWN: Final = (
    *("accuracy", "roc_auc", "macro_f1", "mean_score", "mean_label"),
    *("mae", "rmse", "bias"),
    *("ndcg_at_10", "mrr"),
)
"""Numbers that are shown, as far as there are any; the JSON has all of them."""
_COUNTED: Final = ("accuracy", "mae", "mean_label", "ndcg_at_10")
"""What rests on all labels of a cohort; of a ranking, on all that stand in a list with another one."""
_ROOMY: Final = 6
_NUMBER: Final = 5
_HEADINGS: Final = {"roc_auc": "ROC AUC", "macro_f1": "macro F1", "ndcg_at_10": "NDCG@10"} | {
    name: name.upper() for name in ("mae", "rmse", "mrr")
}


def show_evaluations(backtest: Backtest, task: str, console: Console) -> None:
    """Print what is known of the performance of a model with this ``task``; nothing where nothing is."""
    whole = [each for each in backtest.evaluations if each.segment is None and each.klass is None]
    if whole:
        console.print()
        console.print(_table(whole))
        console.print(
            "Means, weighted by labels; estimates (est.) by rows, and they assume that there is no concept drift."
        )
    _show_groups(backtest, console)
    if task != "binary" and any(each.segment for each in backtest.evaluations):
        console.print(f"\nNote: {NOT_COMPARED.format(task=task)}. The JSON has the numbers of each.")
    if backtest.labels is not None:
        _show_labels(backtest.labels, backtest.rows, console)


def _table(found: list[EvaluationRecord]) -> Table:
    by_month = len({each.start.date() for each in found}) > _MOST_LINES
    lines = sorted({_line(each.start, by_month) for each in found})
    measured = [name for name in _SHOWN if any((each.name, each.type) == (name, "realized") for each in found)]
    promised = [name for name in _SHOWN if any((each.name, each.type) == (name, "estimated") for each in found)]
    table = Table(title="How good the predictions were", title_justify="left", title_style="bold")
    table.collapse_padding = len(measured) + len(promised) > _ROOMY  # or numbers would be cut at 80 characters
    table.add_column("month" if by_month else "day", no_wrap=True)
    counts = ["labels", "complete"] if measured else []
    for heading in (*counts, *map(_heading, measured), *(f"est. {_heading(name)}" for name in promised)):
        table.add_column(heading, justify="right", min_width=_NUMBER)
    for line in lines[-_MOST_LINES:]:
        of_line = [each for each in found if _line(each.start, by_month) == line]
        cells = list(_counts(of_line)) if measured else []
        cells += [_mean(of_line, name, "realized") for name in measured]
        cells += [_mean(of_line, name, "estimated") for name in promised]
        table.add_row(line, *cells)
    if len(lines) > _MOST_LINES:
        table.caption = f"the last {_MOST_LINES} of {len(lines)}"
    return table


def _line(start: datetime, by_month: bool) -> str:
    return f"{start:%Y-%m}" if by_month else f"{start:%Y-%m-%d}"


def _heading(name: str) -> str:
    return _HEADINGS.get(name, name.replace("_", " "))


def _counts(found: Sequence[EvaluationRecord]) -> Iterator[str]:
    realized = [each for each in found if each.type == "realized" and each.name in _COUNTED]
    most = {each.start: each for each in sorted(realized, key=lambda each: each.labels)}.values()
    labels = sum(each.labels for each in most)
    rows = sum(each.labels / each.completeness for each in most if each.completeness)
    yield f"{labels:,}"
    yield f"{labels / rows:.0%}" if rows else ""


def _mean(found: Sequence[EvaluationRecord], name: str, type: str) -> str:
    values = [(each.value, each.labels) for each in found if (each.name, each.type) == (name, type)]
    total = sum(labels for _, labels in values)
    mean = sum((value or 0.0) * labels for value, labels in values) / total if total else None
    return "" if mean is None else f"{mean:.3f}" if abs(mean) < 100 else f"{mean:,.0f}"


def _show_groups(backtest: Backtest, console: Console) -> None:
    """For each rate the cohort in which the groups of a segment were surely furthest apart."""
    widest: dict[tuple[str, str], EvaluationRecord] = {}
    for each in backtest.evaluations:
        if each.segment is not None and "=" not in each.segment:
            known = widest.setdefault((each.segment, each.name), each)
            if (each.lower or 0.0, each.value or 0.0) > (known.lower or 0.0, known.value or 0.0):
                widest[each.segment, each.name] = each
    if not widest:
        return
    table = Table(title="\nHow far groups were apart at most", title_justify="left", title_style="bold")
    table.add_column("segment")
    table.add_column("rate")
    for heading in ("largest less smallest", "at least", "rows"):
        table.add_column(heading, justify="right")
    table.add_column("cohort from")
    for (segment, name), each in widest.items():
        rate = name.removesuffix("_difference")
        numbers = f"{each.value or 0.0:.3f}", f"{each.lower or 0.0:.3f}", f"{each.labels:,}"
        table.add_row(segment, _heading(rate), *numbers, f"{each.start:%Y-%m-%d %H:%M}")
    console.print(table)
    console.print("Selection rates are of all predictions, the other rates of those with a label.")


def _show_labels(labels: LabelsRecord, rows: int, console: Console) -> None:
    console.print(f"\n{labels.used:,} labels of {rows:,} rows were used; {labels.unlabelled:,} rows have none.")
    after = f"{labels.wait} after the end of their {labels.window}: raise labels.wait to use them"
    for number, why in (
        (labels.late, f"came later than {after}"),
        (labels.without_time, "have no time"),
        (labels.unreadable, "are no label of this task"),
    ):
        if number:
            console.print(f"{number:,} labels were left out: they {why}.")
    if labels.before_prediction:
        console.print(
            f"{labels.before_prediction:,} labels say that they came before their prediction: taken to come at once."
        )
