"""What NannyML and Evidently say of NannyML's car loan data, and the rows for `aggregate.py`.

Runs in an environment of its own:

    python -m venv peer
    peer/bin/pip install nannyml==0.13.1 "pandas<3" statsmodels
    NML_DISABLE_USAGE_LOGGING=1 peer/bin/python peer.py FOLDER

NannyML is run with its defaults on chunks of 5,000 rows. Evidently's default is computed by its recipe: for more than
1,000 reference rows, a numeric feature has drifted when Wasserstein's distance over the standard deviation of the
reference is 0.1 or more, a categorical one when the Jensen-Shannon distance (in nats) is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

CHUNK = 5_000
LEFT_OUT = {"timestamp", "repaid", "y_pred", "id"}


def evidently(reference: pd.Series, chunk: pd.Series) -> bool:
    if pd.api.types.is_float_dtype(reference) and reference.nunique() > 5:
        moved = wasserstein_distance(reference, chunk) / max(float(np.std(reference)), 0.001)
        return bool(moved >= 0.1)
    names = sorted(set(reference) | set(chunk), key=str)
    shares = [side.value_counts(normalize=True).reindex(names, fill_value=0) for side in (reference, chunk)]
    return bool(jensenshannon(*shares) >= 0.1)


def main(folder: Path) -> None:
    import nannyml  # here: the tests of this repository collect the file without it

    reference, analysis, _ = nannyml.load_synthetic_car_loan_dataset()
    names = [name for name in reference.columns if name not in LEFT_OUT]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names, timestamp_column_name="timestamp", chunk_size=CHUNK
    ).fit(reference)
    found = calculator.calculate(analysis).filter(period="all").to_df()
    rows = pd.concat([reference, analysis], ignore_index=True)
    chunks = [rows.iloc[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
    said = {
        "nannyml": {name: found[(name, "jensen_shannon", "alert")].astype(bool).tolist() for name in names},
        "evidently": {name: [evidently(reference[name], chunk[name]) for chunk in chunks] for name in names},
    }
    (folder / "peers.json").write_text(json.dumps(said))
    reference[names].to_parquet(folder / "reference.parquet")
    rows[names].to_parquet(folder / "rows.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
