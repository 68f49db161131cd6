"""From the rows and tables that `peer.py` wrote to the small file that the tests read: counts by score bin, no rows.

python aggregate.py FOLDER        # in the environment of this repository; writes nannyml.json beside this file
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tidegauge.baseline import Baseline
from tidegauge.baseline.loss import encode

SETS = ("synthetic_binary", "car_loan", "california_housing", "us_census", "multiclass")
METRICS = ("roc_auc", "accuracy", "f1", "precision", "recall", "specificity")


def baseline_of(reference: pd.DataFrame) -> Baseline:
    scores = {name.removeprefix("score_"): name for name in reference if name.startswith("score_")}
    columns = {"prediction": "prediction", "label": "label", "score": scores or "score"}
    task = "multiclass" if scores else "binary"
    return Baseline.fit(reference.assign(x=0), model="m", version="1", task=task, features=["x"], **columns)


def counted(name: str, folder: Path) -> dict[str, Any]:
    rows = pd.read_parquet(folder / f"{name}.parquet")
    baseline = baseline_of(rows[rows.part == "reference"].drop(columns="part"))
    analysis = rows[rows.part == "analysis"]
    chunks = []
    for peer in json.loads((folder / f"{name}.json").read_text())["chunks"]:
        chunk = analysis.iloc[peer["start"] : peer["end"] + 1]
        windows = []
        for each in baseline.calibration:
            scores = chunk[f"score_{each.klass}" if name == "multiclass" else "score"].to_numpy(np.float64)
            chosen = chunk.prediction.astype(str).to_numpy() == each.klass
            windows.append([each.bins.count(scores[~chosen]).tolist(), each.bins.count(scores[chosen]).tolist()])
        numbers = {
            metric: [_number(peer[metric][who]) for who in ("nannyml", "truth")] for metric in METRICS if metric in peer
        }
        chunks.append({"rows": windows, "metrics": numbers})
    calibration = [
        {"probabilities": each.probabilities.round(12).tolist(), "rows": each.rows.tolist(), "fitted": each.fitted}
        for each in baseline.calibration
    ]
    return {"calibration": calibration, "chunks": chunks}


def expected(folder: Path) -> list[dict[str, float]]:
    """Errors that a baseline expects of car prices, beside NannyML's estimate and the truth, by chunk."""
    peers = json.loads((folder / "car_price.json").read_text())
    rows = pd.read_parquet(folder / "car_price.parquet")
    columns = {"prediction": "prediction", "label": "label", "features": peers["features"]}
    reference, analysis = (rows[rows.part == part] for part in ("reference", "analysis"))
    baseline = Baseline.fit(reference, model="m", version="1", task="regression", **columns)
    names = {"": "prediction"}
    codes = [
        encode(baseline.feature(name) if name else baseline.value, analysis[names.get(name, name)])
        for name in baseline.loss.names
    ]
    errors = baseline.loss.expect(np.stack(codes, axis=1))
    found = []
    for peer in peers["chunks"]:
        chunk = errors[peer["start"] : peer["end"] + 1]
        numbers = {who: round(peer["mae"][who], 6) for who in ("nannyml", "truth")}
        found.append({"expected": round(float(chunk.sum()), 3), "rows": chunk.size} | numbers)
    return found


def _number(value: float) -> float | None:
    return None if value is None or np.isnan(value) else round(value, 9)


if __name__ == "__main__":
    found: dict[str, Any] = {name: counted(name, Path(sys.argv[1])) for name in SETS}
    found["car_price"] = expected(Path(sys.argv[1]))
    Path(__file__).with_name("nannyml.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
