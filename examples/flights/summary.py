"""What the processor said about the year, for a person to read.

Everything here comes from the signals that were received over OTLP; the data themselves are not looked at again.
``python examples/flights/summary.py examples/flights/output/signals.jsonl`` shows it once more.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.table import Table

from tidegauge import semconv

WEEK: Final = "168h"
"""Name of the window over which features are compared here: a day has one weather, a week has seven."""

SIZES: Final = {"ks_distance": "KS", "l_infinity": "L∞"}
"""Effect sizes by which streams are compared, of numbers and of categories, each between 0 and 1."""


@dataclass(frozen=True)
class Signals:
    """The signals of one model, sorted into tables. Times are the ends of windows.

    Attributes:
        evaluations: one row a day of predictions, one column a metric, such as ``roc_auc``; and ``rows``.
        states: ``time``, ``target``, ``stream``, ``window``, ``state``: one row a verdict.
        sizes: ``time``, ``target``, ``stream``, ``window``, ``method``, ``value``: one row an effect size.
        incidents: attributes of each ``ml.drift.state_changed`` event, with its ``time``.
    """

    evaluations: pd.DataFrame
    states: pd.DataFrame
    sizes: pd.DataFrame
    incidents: list[dict[str, Any]]


def read(path: Path) -> Signals:
    """Sort the records that the sink wrote."""
    evaluations: dict[pd.Timestamp, dict[str, float]] = {}
    samples: dict[pd.Timestamp, int] = {}
    states, sizes, incidents = [], [], []
    with path.open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            name, value, attributes = record["name"], record["value"], record["attributes"]
            end = pd.Timestamp(record["time"], tz="UTC")
            if name == semconv.METRIC_EVALUATION_SCORE:
                evaluations.setdefault(end, {})[attributes[semconv.EVALUATION_NAME]] = value
            elif name == semconv.METRIC_WINDOW_SAMPLES:
                samples[end] = max(value, samples.get(end, 0))
            elif name == semconv.METRIC_DRIFT_STATUS and value == 1:
                states.append((end, *_stream(attributes), attributes[semconv.DRIFT_STATE]))
            elif name == semconv.METRIC_DRIFT_SCORE:
                sizes.append((end, *_stream(attributes), attributes[semconv.DRIFT_METHOD], value))
            elif name == semconv.EVENT_DRIFT_STATE:
                incidents.append(attributes | {"time": end})
    by_day = pd.DataFrame.from_dict(evaluations, orient="index").sort_index()
    by_day["rows"] = pd.Series(samples).sort_index().diff().combine_first(pd.Series(samples))
    keys = ["time", "target", "stream", "window"]
    return Signals(
        by_day,
        pd.DataFrame(states, columns=[*keys, "state"]),
        pd.DataFrame(sizes, columns=[*keys, "method", "value"]),
        incidents,
    )


def _stream(attributes: dict[str, Any]) -> tuple[str, str, str]:
    target = attributes[semconv.DRIFT_TARGET]
    name = attributes.get(semconv.FEATURE_NAME, target)
    detail = attributes.get(semconv.VIOLATION_TYPE)
    return target, f"{name}: {detail}" if detail else name, attributes[semconv.WINDOW_NAME]


def by_month(signals: Signals) -> pd.DataFrame:
    """One row a month: days weighted by their rows; the ROC AUC of a month is the mean of those of its days."""
    days = signals.evaluations
    month = (days.index - pd.Timedelta(days=1)).strftime("%Y-%m")  # a window that ends on the 1st is last month's
    weighted = days.drop(columns="rows").mul(days["rows"], axis=0).groupby(month).sum()
    rows = days["rows"].groupby(month).sum()
    return weighted.div(rows, axis=0).assign(rows=rows.astype(int))


def effect(signals: Signals, window: str) -> pd.DataFrame:
    """Effect size of each feature and of the score (rows) by end of the window (columns), the largest first."""
    sizes = signals.sizes
    chosen = sizes[(sizes["window"] == window) & sizes["target"].isin(["feature", "score"])]
    table = chosen[chosen["method"].isin(SIZES)].pivot_table(
        index="stream", columns="time", values="value", aggfunc="first"
    )
    return table.loc[table.max(axis=1).sort_values(ascending=False).index]


def moved(signals: Signals) -> pd.DataFrame:
    """One row a feature and score, the most moved first.

    Columns: ``largest``, the largest effect size in a week; ``when``, the end of that week; ``psi``, the population
    stability index then; ``weeks`` and ``material``, weeks with a verdict and with a material change.
    """
    table = effect(signals, WEEK)
    states = signals.states[signals.states["window"] == WEEK].groupby("stream")["state"]
    sizes = signals.sizes[(signals.sizes["window"] == WEEK) & (signals.sizes["method"] == "psi_half_count")]
    psi = sizes.set_index(["stream", "time"])["value"]
    when = table.idxmax(axis=1)
    return pd.DataFrame(
        {
            "largest": table.max(axis=1),
            "when": when,
            "psi": pd.Series({stream: psi[stream, time] for stream, time in when.items()}),
            "weeks": states.size(),
            "material": states.agg(lambda state: (state == "material").sum()),
        }
    ).loc[table.index]


def sparkline(values: pd.Series) -> str:
    """Draw numbers from 0 to 1 as bars.

    >>> sparkline(pd.Series([0.0, 0.5, 1.0]))
    '▁▅█'
    """
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(value * 8))] for value in values)


def show(signals: Signals, console: Console) -> None:
    """Print the year: is the model still right, what moved, which incidents there were."""
    months = by_month(signals)
    table = Table(title="Is the model still right?  (outcomes came back by receipt when the flights had landed)")
    for heading in ("month", "flights", "late", "mean score", "accuracy", "ROC AUC", "log loss"):
        table.add_column(heading, justify="left" if heading == "month" else "right")
    for name, month in months.iterrows():
        table.add_row(
            str(name),
            f"{month['rows']:,.0f}",
            f"{month['mean_label']:.1%}",
            f"{month['mean_score']:.1%}",
            *(f"{month[metric]:.3f}" for metric in ("accuracy", "roc_auc", "log_loss")),
        )
    console.print(table)
    best, worst = months["mean_label"].idxmin(), months["mean_label"].idxmax()
    console.print(
        f"From {best} to {worst} the share of late flights went from {months['mean_label'][best]:.0%} to "
        f"{months['mean_label'][worst]:.0%}; the model's mean score went from {months['mean_score'][best]:.0%} to "
        f"{months['mean_score'][worst]:.0%}.\n",
        highlight=False,
    )

    found = moved(signals)
    sizes = effect(signals, WEEK)
    by_month_of_week = sizes.T.groupby(sizes.columns.strftime("%Y-%m")).mean()
    table = Table(title="What moved, compared with January?  (week by week)")
    for heading in ("stream", f"{months.index[0]} to {months.index[-1]}", "largest", "week to", "PSI then", "material"):
        table.add_column(heading, justify="left" if heading == "stream" else "right")
    for stream, row in found[found["material"] > 0].iterrows():
        table.add_row(
            str(stream),
            sparkline(by_month_of_week[stream]),
            f"{row['largest']:.2f}",
            f"{row['when']:%d %b}",
            f"{row['psi']:.2f}",
            f"{row['material']} of {row['weeks']} weeks",
        )
    console.print(table)
    steady = ", ".join(map(str, found.index[found["material"] == 0]))
    console.print(
        "Effect sizes: ks_distance (l_infinity for categories), between 0 and 1; PSI: psi_half_count. "
        f"Never materially changed over a week: {steady or 'none'}.\n",
        highlight=False,
    )

    table = Table(title="Incidents")
    for heading in ("when", "what", "since", "strongest evidence"):
        table.add_column(heading)
    for incident in signals.incidents:
        table.add_row(
            f"{incident['time']:%d %b}",
            f"{incident[semconv.INCIDENT_CHANGE]} ({incident[semconv.DRIFT_STATE]})",
            f"{pd.Timestamp(incident[semconv.INCIDENT_SINCE], tz='UTC'):%d %b}",
            "; ".join(incident[semconv.INCIDENT_STREAMS][:3]),
        )
    console.print(table)


if __name__ == "__main__":
    show(read(Path(sys.argv[1])), Console())
