"""From the rows that `peer.py` wrote to counts in the cells of a baseline, which are small enough to keep.

python tests/processor/verdicts/car_loan/aggregate.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tidegauge import Baseline
from tidegauge.baseline import NumericFeature

CHUNK = 5_000


def main(folder: Path) -> None:
    reference = pd.read_parquet(folder / "reference.parquet")
    rows = pd.read_parquet(folder / "rows.parquet")
    baseline = Baseline.fit(reference, model="car-loan", version="1", task="binary")
    kept = {}
    for feature in baseline.features:
        column = rows[feature.name]
        if isinstance(feature, NumericFeature):
            codes = feature.bins.index(column.to_numpy(dtype=float))
        else:
            texts = column.map({True: "true", False: "false"}) if column.dtype == bool else column
            codes = np.array([feature.labels.index(feature.place(text)) for text in texts])
        width = feature.counts.shape[1]
        counts = [np.bincount(part, minlength=width).tolist() for part in np.split(codes, len(codes) // CHUNK)]
        bounds = feature.bounds.tolist() if isinstance(feature, NumericFeature) else None
        kept[feature.name] = {"bounds": bounds, "reference": feature.counts[0].tolist(), "chunks": counts}
    peers = json.loads((folder / "peers.json").read_text())
    target = Path(__file__).with_name("car_loan.json")
    target.write_text(json.dumps({"features": kept, "peers": peers}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
