"""What NannyML itself says of its bundled data: run in an environment of its own, never by the tests.

    python -m venv peer && peer/bin/pip install 'nannyml==0.13.1' 'pandas<3' statsmodels pyarrow
    NML_DISABLE_USAGE_LOGGING=1 peer/bin/python peer.py FOLDER

For each data set it writes NannyML's own table of estimates and truths (``NAME.json``) and the rows that they rest on
(``NAME.parquet``) to FOLDER. The rows stay there; `aggregate.py` makes of both the small file that the tests read.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

BINARY = ("roc_auc", "f1", "precision", "recall", "specificity", "accuracy")
CARDS = ("prepaid_card", "highstreet_card", "upmarket_card")

SETS = {
    "synthetic_binary": (
        "load_synthetic_binary_classification_dataset",
        "work_home_actual",
        "y_pred",
        "y_pred_proba",
    ),
    "car_loan": ("load_synthetic_car_loan_dataset", "repaid", "y_pred", "y_pred_proba"),
    "california_housing": ("load_modified_california_housing_dataset", "clf_target", "y_pred", "y_pred_proba"),
    "us_census": ("load_us_census_ma_employment_data", "employed", "prediction", "predicted_probability"),
    "multiclass": (
        "load_synthetic_multiclass_classification_dataset",
        "y_true",
        "y_pred",
        {k: f"y_pred_proba_{k}" for k in CARDS},
    ),
    "car_price": ("load_synthetic_car_price_dataset", "y_true", "y_pred", None),
}


def estimates(
    nannyml: Any, name: str, reference: pd.DataFrame, analysis: pd.DataFrame, label: str, prediction: str, score: Any
):
    if name == "car_price":
        features = [c for c in analysis if c not in ("id", "timestamp", "y_pred")]
        estimator = nannyml.DLE(features, y_pred=prediction, y_true=label, metrics=["mae"])
        return features, ("mae",), estimator.fit(reference).estimate(analysis)
    metrics = BINARY if isinstance(score, str) else ("roc_auc", "f1", "precision", "recall", "accuracy")
    kind = "classification_binary" if isinstance(score, str) else "classification_multiclass"
    estimator = nannyml.CBPE(
        metrics=list(metrics), y_pred_proba=score, y_pred=prediction, y_true=label, problem_type=kind
    )
    return [], metrics, estimator.fit(reference).estimate(analysis)


def main(folder: Path) -> None:
    nannyml = importlib.import_module("nannyml")  # by its name, since only this script has it
    for name, (load, label, prediction, score) in SETS.items():
        reference, analysis, truth = getattr(nannyml, load)()
        features, metrics, result = estimates(nannyml, name, reference, analysis, label, prediction, score)
        labelled = analysis.drop(columns=label, errors="ignore").merge(truth, on="id")
        kind = (
            "regression"
            if score is None
            else "classification_binary"
            if isinstance(score, str)
            else "classification_multiclass"
        )
        realized = (
            nannyml.PerformanceCalculator(
                metrics=list(metrics), y_true=label, y_pred=prediction, y_pred_proba=score, problem_type=kind
            )
            .fit(reference)
            .calculate(labelled)
        )
        tables = [each.filter(period="analysis").to_df() for each in (result, realized)]
        chunks = []
        for said, was in zip(*(table.to_dict("records") for table in tables), strict=True):
            chunk = {"start": int(said[("chunk", "start_index")]), "end": int(said[("chunk", "end_index")])}
            chunk |= {
                metric: {"nannyml": said[(metric, "value")], "truth": was[(metric, "value")]} for metric in metrics
            }
            chunks.append(chunk)
        (folder / f"{name}.json").write_text(json.dumps({"chunks": chunks, "features": features}))
        kept = pd.concat([reference.assign(part="reference"), labelled.assign(part="analysis")])
        names = {label: "label", prediction: "prediction"}
        scores = (
            {}
            if score is None
            else {score: "score"}
            if isinstance(score, str)
            else {v: f"score_{k}" for k, v in score.items()}
        )
        kept = kept.rename(columns=names | scores)[["part", "label", "prediction", *scores.values(), *features]]
        kept.to_parquet(folder / f"{name}.parquet")
        print(name, len(chunks), "chunks", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
