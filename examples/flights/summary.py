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

STRETCH: Final = "72h"
"""Name of the window over which features are compared here: a day has one weather, the last three days have several."""

SIZES: Final = ("ks_distance", "l_infinity")
"""Effect sizes by which streams are compared, of numbers and of categories; each between 0 and 1."""

DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Signals:
    """The signals of one model, sorted into tables. Times are the ends of windows.

    Attributes:
        evaluations: one row a day of predictions, one column a metric, such as ``roc_auc``, and those that were
            estimated without outcomes, such as ``estimated roc_auc``; ``labels``, the outcomes that the day rests on;
            and ``rows``, all its flights.
        states: ``time``, ``target``, ``stream``, ``window``, ``state``: one row a verdict.
        sizes: ``time``, ``target``, ``stream``, ``window``, ``method``, ``value``: one row an effect size.
        violations: ``time``, ``stream``, ``rate``: shares of rows that broke the schema.
        gaps: ``time``, ``segment``, ``rate``, ``value``: how far apart the groups of a segment lie.
        curve: ``time``, ``bin``, ``metric``, ``value``: the reliability curve of each day.
        incidents: attributes of each event about an incident, of drift or of labels, with its ``time``.
    """

    evaluations: pd.DataFrame
    states: pd.DataFrame
    sizes: pd.DataFrame
    violations: pd.DataFrame
    gaps: pd.DataFrame
    curve: pd.DataFrame
    incidents: list[dict[str, Any]]


def read(path: Path) -> Signals:
    """Sort the records that the sink wrote."""
    evaluations: dict[int, dict[str, float]] = {}
    samples: dict[int, int] = {}
    states, sizes, violations, gaps, curve, incidents = [], [], [], [], [], []
    with path.open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            name, end, value, attributes = (record[key] for key in ("name", "time", "value", "attributes"))
            if name in (semconv.METRIC_EVALUATION_SCORE, semconv.METRIC_EVALUATION_LABELS):
                measure = attributes[semconv.EVALUATION_NAME]
                if attributes[semconv.EVALUATION_TYPE] == "estimated":
                    measure = f"estimated {measure}"
                if semconv.SEGMENT_NAME in attributes:
                    continue
                if name == semconv.METRIC_EVALUATION_SCORE:
                    evaluations.setdefault(end, {})[measure] = value
                elif measure == "mean_label":
                    evaluations.setdefault(end, {})["labels"] = value
            elif name == semconv.METRIC_WINDOW_SAMPLES:
                samples[end] = value
            elif name == semconv.METRIC_DRIFT_STATUS and value:
                states.append((end, *_stream(attributes), attributes[semconv.DRIFT_STATE]))
            elif name == semconv.METRIC_DRIFT_SCORE:
                sizes.append((end, *_stream(attributes), attributes[semconv.DRIFT_METHOD], value))
            elif name == semconv.METRIC_VIOLATION_RATE:
                violations.append((end, _name(attributes), value))
            elif name == semconv.METRIC_FAIRNESS_DIFFERENCE:
                gaps.append((end, attributes[semconv.SEGMENT_NAME], attributes[semconv.EVALUATION_NAME], value))
            elif semconv.RELIABILITY_BIN in attributes:
                curve.append((end, attributes[semconv.RELIABILITY_BIN], name, value))
            elif semconv.INCIDENT_ID in attributes:
                incidents.append(attributes | {"time": pd.Timestamp(end, tz="UTC")})
    keys = ["time", "target", "stream", "window"]
    return Signals(
        _by_day(evaluations, samples),
        _timed(states, [*keys, "state"]),
        _timed(sizes, [*keys, "method", "value"]),
        _timed(violations, ["time", "stream", "rate"]),
        _timed(gaps, ["time", "segment", "rate", "value"]),
        _timed(curve, ["time", "bin", "metric", "value"]),
        incidents,
    )


def _by_day(evaluations: dict[int, dict[str, float]], samples: dict[int, int]) -> pd.DataFrame:
    days = pd.DataFrame.from_dict(evaluations, orient="index").sort_index()
    days.index = pd.to_datetime(days.index, utc=True)
    total = pd.Series(samples).sort_index()
    total.index = pd.to_datetime(total.index, utc=True)
    days["rows"] = total.diff().fillna(total)  # the counter is cumulative
    return days


def _timed(rows: list[Any], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns)
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return table


def _stream(attributes: dict[str, Any]) -> tuple[str, str, str]:
    return attributes[semconv.DRIFT_TARGET], _name(attributes), attributes[semconv.WINDOW_NAME]


def _name(attributes: dict[str, Any]) -> str:
    name = attributes.get(semconv.FEATURE_NAME) or attributes[semconv.DRIFT_TARGET]
    return " ".join(filter(None, (name, attributes.get(semconv.VIOLATION_TYPE))))


def by_month(signals: Signals) -> pd.DataFrame:
    """One row a month: days weighted by their labels; the ROC AUC of a month is the mean of those of its days."""
    days = signals.evaluations
    month = (days.index - DAY).strftime("%Y-%m")  # a window that ends on the 1st is last month's
    values = days.drop(columns=["rows", "labels"])
    weights = values.notna().mul(days["labels"], axis=0)
    means = values.mul(weights).groupby(month).sum() / weights.groupby(month).sum()
    return means.assign(rows=days["rows"].groupby(month).sum())


def reliability(signals: Signals, month: str) -> pd.DataFrame:
    """The reliability curve of a month: ``score``, ``share`` and ``labels`` by bin of the score."""
    days = signals.curve[(signals.curve["time"] - DAY).dt.strftime("%Y-%m") == month]
    wide = days.pivot_table(index=["time", "bin"], columns="metric", values="value")
    labels = wide[semconv.METRIC_RELIABILITY_LABELS]
    columns = {"score": semconv.METRIC_RELIABILITY_SCORE, "share": semconv.METRIC_RELIABILITY_SHARE}
    sums = {name: (wide[metric] * labels).groupby("bin").sum() for name, metric in columns.items()}
    totals = labels.groupby("bin").sum()
    return pd.DataFrame({name: total / totals for name, total in sums.items()} | {"labels": totals})


def effect(signals: Signals, window: str) -> pd.DataFrame:
    """Effect size of each feature and of the score (rows) by end of the window (columns), the largest first."""
    sizes = signals.sizes[(signals.sizes["window"] == window) & signals.sizes["target"].isin(["feature", "score"])]
    table = sizes[sizes["method"].isin(SIZES)].pivot_table(
        index="stream", columns="time", values="value", aggfunc="max"
    )
    return table.loc[table.max(axis=1).sort_values(ascending=False).index]


def moved(signals: Signals) -> pd.DataFrame:
    """One row a feature and score, the most moved first.

    Columns: ``largest``, the largest effect size in three days; ``when``, their end; ``psi``, the population stability
    index then; ``verdicts`` and ``material``, days with a verdict on the last three and with a material one.
    """
    table = effect(signals, STRETCH)
    states = signals.states[(signals.states["window"] == STRETCH) & (signals.states["state"] != "insufficient_data")]
    verdicts = states.groupby("stream")["state"]
    sizes = signals.sizes[(signals.sizes["window"] == STRETCH) & (signals.sizes["method"] == "psi_half_count")]
    psi = sizes.set_index(["stream", "time"])["value"]
    when = table.idxmax(axis=1)
    columns = {
        "largest": table.max(axis=1),
        "when": when,
        "psi": pd.Series({stream: psi[stream, time] for stream, time in when.items()}),
        "verdicts": verdicts.size(),
        "material": verdicts.agg(lambda state: (state == "material").sum()),
    }
    return pd.DataFrame(columns).loc[table.index]


def sparkline(values: pd.Series) -> str:
    """Draw numbers from 0 to 1 as bars: 0, a half and 1 are ``▁▅█``."""
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(value * 8))] for value in values)


def show(signals: Signals, console: Console) -> None:
    """Print the year: is the model still right, what moved, what was wrong with the data, which incidents."""
    _show_months(signals, console)
    _show_moved(signals, console)
    _show_violations(signals, console)
    _show_incidents(signals, console)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right")
    return table


def _show_months(signals: Signals, console: Console) -> None:
    months = by_month(signals)
    headings = "month", "flights", "late", "mean score", "accuracy", "est.", "ROC AUC", "est."
    table = _table("Is the model still right? By outcomes that came back with receipts", *headings)
    for name, month in months.iterrows():
        shares = (f"{month[metric]:.1%}" for metric in ("mean_label", "mean_score"))
        metrics = ("accuracy", "estimated accuracy", "roc_auc", "estimated roc_auc")
        others = (f"{month[metric]:.3f}" for metric in metrics)
        table.add_row(str(name), f"{month['rows']:,.0f}", *shares, *others)
    console.print(table)
    console.print(
        "est.: estimated without outcomes, if a score still means the risk that it meant in January.", style="dim"
    )
    first, last = months["mean_label"].idxmin(), months["mean_label"].idxmax()
    if first < last:
        late, score = months["mean_label"], months["mean_score"]
        console.print(
            f"From {first} to {last} the share of late flights went from {late[first]:.0%} to {late[last]:.0%}, "
            f"the mean score from {score[first]:.0%} to {score[last]:.0%}.",
            highlight=False,
        )
    often = reliability(signals, last).sort_values("labels").iloc[-1]
    console.print(
        f"In {last} the {often['labels']:,.0f} flights with a score of {often.name} (mean {often['score']:.0%}) "
        f"were late in {often['share']:.0%} of cases.",
        highlight=False,
    )
    for segment, gaps in signals.gaps.groupby("segment"):
        means = gaps.groupby("rate")["value"].mean()
        apart = ", ".join(f"{str(rate).replace('_', ' ')} {value:.0%}" for rate, value in means.items())
        console.print(f"Groups by {segment} lie apart on a mean day: {apart}.", highlight=False)


def _show_moved(signals: Signals, console: Console) -> None:
    found, sizes = moved(signals), effect(signals, STRETCH)
    months = sizes.T.groupby((sizes.columns - DAY).strftime("%Y-%m")).mean()
    headings = "stream", "by month", "largest", "3 days to", "PSI then", "material"
    table = _table("\nWhat moved? The last three days against January, day by day", *headings)
    for stream, row in found[found["material"] > 0].iterrows():
        days = f"{row['material']} of {row['verdicts']} days"
        largest = f"{row['largest']:.2f}", f"{row['when'] - DAY:%d %b}", f"{row['psi']:.2f}"
        table.add_row(str(stream), sparkline(months[stream]), *largest, days)
    console.print(table)
    steady = ", ".join(map(str, found.index[found["material"] == 0]))
    console.print(f"Never materially different: {steady or 'none'}.", highlight=False)
    console.print("Effect size, 0 to 1: ks_distance, for categories l_infinity. PSI: psi_half_count.", style="dim")


def _show_violations(signals: Signals, console: Console) -> None:
    quality = signals.states[(signals.states["target"] == "quality") & (signals.states["state"] == "material")]
    table = _table("\nWhat was wrong with the data?", "violation", "material on", "highest share of rows", "on")
    for stream, verdicts in quality.groupby("stream"):
        rates = signals.violations[signals.violations["stream"] == stream].set_index("time")["rate"]
        days = f"{verdicts['time'].nunique()} days"
        table.add_row(str(stream), days, f"{rates.max():.0%}", f"{rates.idxmax() - DAY:%d %b}")
    console.print(table if table.row_count else "\nThe data kept to the baseline's schema.")


def _show_incidents(signals: Signals, console: Console) -> None:
    table = _table("\nIncidents", "since", "until", "page", "strongest when it opened, and when it last grew")
    table.columns[-1].justify = "left"
    by_id: dict[str, list[dict[str, Any]]] = {}
    for change in signals.incidents:
        by_id.setdefault(change[semconv.INCIDENT_ID], []).append(change)
    for changes in by_id.values():
        since = pd.Timestamp(changes[0][semconv.INCIDENT_SINCE], tz="UTC")
        closed = [change for change in changes if change[semconv.INCIDENT_CHANGE] == "closed"]
        until = f"{closed[-1]['time']:%d %b}" if closed else "open"
        grown = [change for change in changes if change not in closed]
        evidence = [_strongest(change) for change in (grown[0], grown[-1])]
        effects = [change[semconv.INCIDENT_PERFORMANCE] for change in grown if semconv.INCIDENT_PERFORMANCE in change]
        page = "yes" if any(change[semconv.INCIDENT_PAGES] for change in changes) else "no"
        table.add_row(f"{since:%d %b}", until, page, "\n".join(dict.fromkeys([*evidence, *effects[:1]])))
    console.print(table)


def _strongest(change: dict[str, Any]) -> str:
    sentences = change[semconv.INCIDENT_STREAMS][:3]
    streams = (sentence.partition(" (")[0].replace(": material,", "") for sentence in sentences)
    return f"{change['time'] - DAY:%d %b}: " + "; ".join(streams)


if __name__ == "__main__":
    show(read(Path(sys.argv[1])), Console())
