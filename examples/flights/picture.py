"""The year in one picture: what the model said against what happened, and what its inputs did meanwhile.

Drawn from the signals alone, like the summary. ``python examples/flights/picture.py signals.jsonl flights.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter
from summary import DAY, STRETCH, Signals, by_month, effect, read

LATE: Final = "#c2410c"
SCORE: Final = "#1d4ed8"
QUIET: Final = "#6b7280"


def draw(signals: Signals, path: Path) -> None:
    """Write the picture as PNG."""
    style = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
    with mpl.rc_context(style):
        figure = Figure(figsize=(11, 9.5), layout="constrained")
        late, auc, strip = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1.6, 3.4])
        figure.suptitle(
            "Flights from New York, 2013: a model trained in January", fontsize=15, fontweight="bold", x=0.01, ha="left"
        )
        _calibration(late, signals)
        _discrimination(auc, signals)
        _drift(strip, signals)
        strip.xaxis.set_major_locator(MonthLocator())
        strip.xaxis.set_major_formatter(NullFormatter())
        strip.xaxis.set_minor_locator(MonthLocator(bymonthday=16))
        strip.xaxis.set_minor_formatter(DateFormatter("%b"))
        for axes in (late, auc, strip):
            axes.tick_params(axis="x", which="minor", length=0)
        strip.set_xlim(signals.evaluations.index[0] - DAY, signals.evaluations.index[-1])
        figure.savefig(path, dpi=130)


def _calibration(axes: Axes, signals: Signals) -> None:
    """Share of late flights and mean score: faint by day, strong as the mean of each month."""
    days = signals.evaluations
    months = by_month(signals)
    edges = [days.index[0] - DAY, *pd.to_datetime(months.index[1:], utc=True), days.index[-1]]
    for column, colour, label in (
        ("mean_label", LATE, "flights that arrived late"),
        ("mean_score", SCORE, "mean score of the model"),
    ):
        axes.plot(days.index - DAY / 2, days[column], color=colour, linewidth=0.8, alpha=0.25)
        axes.stairs(months[column], edges, baseline=None, color=colour, linewidth=2.6, label=label)
    for month in {int(months["mean_label"].argmin()), int(months["mean_label"].argmax())}:
        for column, other, colour in (("mean_label", "mean_score", LATE), ("mean_score", "mean_label", SCORE)):
            share = months[column].iloc[month]
            above = share > months[other].iloc[month]
            axes.annotate(
                f"{share:.0%}",
                (edges[month] + (edges[month + 1] - edges[month]) / 2, share),
                xytext=(0, 4 if above else -4),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                color=colour,
                fontweight="bold",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1},
            )
    axes.set_title("What it said and what happened (thin: each day, thick: each month)", loc="left", fontsize=11)
    axes.set_ylabel("share of flights")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper center", ncols=2, frameon=False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)


def _discrimination(axes: Axes, signals: Signals) -> None:
    """ROC AUC: each day a dot, and the running mean of two weeks."""
    auc = signals.evaluations["roc_auc"]
    middle = auc.index - DAY / 2
    axes.plot(middle, auc, ".", color=QUIET, markersize=3, alpha=0.5, label="one day")
    fortnight = auc.rolling(14, center=True, min_periods=7).mean()
    axes.plot(middle, fortnight, color="#111827", linewidth=2, label="mean of 14 days")
    axes.axhline(0.5, color=QUIET, linewidth=0.8, linestyle="--")
    axes.set_title("How well it ranks the flights of a day (ROC AUC; 0.5 is chance)", loc="left", fontsize=11)
    axes.set_ylabel("ROC AUC")
    axes.set_ylim(0.3, 0.9)
    axes.legend(loc="upper right", ncols=2, frameon=False)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)


def _drift(axes: Axes, signals: Signals) -> None:
    """Effect size of each feature and of the score: each day, the last three days against the baseline."""
    table = effect(signals, STRETCH)
    table = table.loc[table.mean(axis=1).sort_values(ascending=False).index]
    days = pd.date_range(table.columns[0] - DAY, table.columns[-1])
    mesh = axes.pcolormesh(
        days, range(len(table) + 1), table.reindex(columns=days[1:]), cmap="magma_r", vmin=0, vmax=1, rasterized=True
    )
    axes.hlines(range(1, len(table)), days[0], days[-1], color="white", linewidth=2)
    axes.set_yticks([row + 0.5 for row in range(len(table))], list(table.index))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title(
        "How far inputs and score are from the baseline (at each day: the last three days)",
        loc="left",
        fontsize=11,
    )
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.01, fraction=0.03)
    bar.outline.set_visible(False)
    bar.set_label("KS distance (L-infinity for categories)")


if __name__ == "__main__":
    draw(read(Path(sys.argv[1])), Path(sys.argv[2]))
