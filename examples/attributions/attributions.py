"""Which features does the model lean on, and are they still the same ones? See README.md."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tidegauge
from tidegauge import semconv
from tidegauge.testing import capture
from tidegauge_processor.performance.attribution import attribution_ndcg

Explainer = Callable[[pd.DataFrame], NDArray[np.float64]]
NAME, SPOILT = "tumours", ["worst area", "worst perimeter", "worst radius", "worst concave points"]


def linear(rows: pd.DataFrame, labels: pd.Series) -> tuple[object, Explainer]:
    """A linear model explains itself: weight times distance from the mean adds up to the log-odds."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(rows, labels)
    scale, regression = model[0], model[1]
    return model, lambda rows: scale.transform(rows) * regression.coef_[0]


def trees(rows: pd.DataFrame, labels: pd.Series) -> tuple[object, Explainer]:
    """Trees are explained by SHAP's TreeExplainer, which is exact for them."""
    import shap

    model = RandomForestClassifier(50, max_depth=5, random_state=0).fit(rows, labels)
    explainer = shap.TreeExplainer(model)
    return model, lambda rows: explainer.shap_values(rows)[:, :, 1]  # of the positive class


def watched(model: object, explain: Explainer, version: str, rows: pd.DataFrame) -> pd.Series:
    """Predict ``rows`` one by one with every fourth call explained; mean absolute attribution by feature."""

    @tidegauge.monitor(
        NAME,
        version=version,
        task="binary",
        explain=lambda row: explain(pd.DataFrame([row]))[0],  # one row comes as a dictionary
        explain_rate=0.25,
    )
    def predict(row: dict[str, float]) -> float:
        return float(model.predict_proba(pd.DataFrame([row]))[0, 1])

    with capture() as seen:
        for row in rows.to_dict("records"):
            predict(row)
        spans = [span["attributes"] for span in seen.spans if semconv.ATTRIBUTION_NAMES in span["attributes"]]
        assert seen.failures == {}, seen.failures
    explained = pd.DataFrame(
        dict(zip(span[semconv.ATTRIBUTION_NAMES], span[semconv.ATTRIBUTION_VALUES], strict=True)) for span in spans
    )
    print(f"version {version}: {len(rows)} calls, {len(spans)} of them explained; the first one's strongest features:")
    for name, value in list(explained.iloc[0].items())[:3]:
        print(f"    {name:24s} {value:+.3f}")
    return explained.abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["linear", "trees"], help="trees need `pip install shap`")
    chosen = parser.parse_args().model or ("trees" if importlib.util.find_spec("shap") else "linear")
    fit = {"linear": linear, "trees": trees}[chosen]

    data = load_breast_cancer(as_frame=True)
    rows, labels = data.data, data.target
    training, reference, live = rows[:250], rows[250:410], rows[410:]

    model, explain = fit(training, labels[:250])
    attributions = pd.DataFrame(explain(reference), columns=reference.columns)
    score = model.predict_proba(reference)[:, 1]
    baseline = tidegauge.Baseline.fit(
        reference.assign(score=score), model=NAME, version="1", task="binary", score="score", attributions=attributions
    )
    print(f"{chosen}: a baseline with attributions of {len(baseline.attributions)} features")
    before = attributions.abs().mean().to_dict()
    same = watched(model, explain, "1", live)

    broken = training.assign(**{name: training[name].mean() for name in SPOILT})  # a join that failed in silence
    retrained, explain_retrained = fit(broken, labels[:250])
    other = watched(retrained, explain_retrained, "2", live)

    print("normalised discounted rank gain against the reference (1: the same ranking)")
    for version, weights in (("1", same), ("2", other)):
        print(f"    version {version}: {attribution_ndcg(before, weights.to_dict()):.3f}")


if __name__ == "__main__":
    main()
