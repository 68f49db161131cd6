import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from tidegauge.baseline import Baseline
from tidegauge.baseline.loss import PREDICTION, LossModel, encode
from tidegauge.errors import BaselineError


def frame(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Errors grow with age where the fuel is diesel: an interaction that no feature shows alone."""
    random = np.random.default_rng(seed)
    age, noise = random.normal(5 + shift, 2, rows), random.normal(size=rows)
    fuel = random.choice(["diesel", "petrol"], rows)
    said = 100 - 8 * age
    spread = np.where(fuel == "diesel", np.exp(age / 4), 2.0)
    return pd.DataFrame(
        {"age": age, "fuel": fuel, "noise": noise, "said": said, "was": said + spread * random.normal(size=rows)}
    )


def fitted(df: pd.DataFrame, **options: object) -> Baseline:
    return Baseline.fit(df, model="m", version="1", task="regression", prediction="said", label="was", **options)


def expected(baseline: Baseline, df: pd.DataFrame) -> np.ndarray:
    columns = [
        encode(baseline.value, df["said"]) if name == PREDICTION else encode(baseline.feature(name), df[name])
        for name in baseline.loss.names
    ]
    return baseline.loss.expect(np.stack(columns, axis=1))


BASELINE = fitted(frame(20_000, 1))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_the_mean_error_of_other_rows_is_found(shift: float) -> None:
    later = frame(20_000, 2, shift)
    truth = np.abs(later.said - later.was).mean()
    assert expected(BASELINE, later).mean() == pytest.approx(truth, rel=0.03 if shift < 2 else 0.08)
    plain = np.abs(frame(20_000, 1).eval("said - was")).mean()
    assert shift == 0 or abs(expected(BASELINE, later).mean() - truth) < 0.2 * abs(plain - truth)


def test_it_expects_as_well_as_scikit_learns_trees() -> None:
    reference, later = frame(20_000, 1), frame(10_000, 3)
    inputs = ["age", "noise", "said"]
    coded = [df[inputs].assign(fuel=df.fuel == "diesel") for df in (reference, later)]
    peer = HistGradientBoostingRegressor(max_iter=30, learning_rate=0.2, max_depth=5, random_state=0)
    peer.fit(coded[0], np.abs(reference.said - reference.was))
    sizes = np.abs(later.said - later.was)
    ours, theirs = (np.square(sizes - found).mean() for found in (expected(BASELINE, later), peer.predict(coded[1])))
    assert ours <= 1.02 * theirs


def test_a_row_expects_the_same_whatever_rows_are_beside_it() -> None:
    later = frame(64, 4)
    whole = expected(BASELINE, later)
    assert [expected(BASELINE, later.iloc[[row]])[0] for row in range(64)] == whole.tolist()


def test_missing_and_unseen_values_have_a_place() -> None:
    odd = pd.DataFrame({"age": [np.nan, np.inf], "fuel": [None, "steam"], "noise": [0.0, 0.0], "said": [50.0, np.nan]})
    assert np.isfinite(expected(BASELINE, odd)).all()


def test_the_file_holds_it() -> None:
    again = Baseline.from_bytes(BASELINE.to_bytes())
    assert again == BASELINE
    later = frame(100, 5)
    assert expected(again, later).tolist() == expected(BASELINE, later).tolist()
    assert BASELINE.loss.error.counts.sum() == 20_000


def test_without_labels_there_is_none() -> None:
    baseline = Baseline.fit(frame(100, 1), model="m", version="1", task="regression", prediction="said")
    assert baseline.loss is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leaves": [[1.0, 2.0, 3.0]]}, "not those of trees of one depth"),
        ({"cuts": [[1, 2]]}, "not those of trees of one depth"),
        ({"leaves": [[1.0, float("nan")]]}, "a leaf is no number"),
        ({"inputs": [[7]]}, "a question is about no feature"),
        ({"inputs": [["x"]]}, "loss: "),
    ],
)
def test_nonsense_is_refused(changes: dict[str, object], message: str) -> None:
    fields = {"names": ("x",), "start": 1.0, "inputs": [[0]], "cuts": [[1]], "leaves": [[0.0, 1.0]], "spread": 1.0}
    with pytest.raises(BaselineError, match=message):
        LossModel(**fields | {"error": BASELINE.loss.error} | changes)
