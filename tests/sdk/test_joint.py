"""Joint drift on the side of the model: components in the baseline, an error for each row, one histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.sdk.builders import HOUR, by_name
from tidegauge import ManualClock, Settings, monitor
from tidegauge.baseline import Baseline, JointReference, NumericFeature
from tidegauge.baseline.joint import FARTHEST, encode, standardise
from tidegauge.baseline.joint_fit import MOST_COMPONENTS, SMALLEST, split
from tidegauge.columns import categorical_column, numeric_column
from tidegauge.errors import BaselineError
from tidegauge.testing import capture

ERROR = "ml.reconstruction.error"


def correlated(rows: int, features: int, seed: int) -> pd.DataFrame:
    """Features that three hidden causes share, one value of twenty missing."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(5).normal(size=(3, features))
    values = rng.normal(size=(rows, 3)) @ mixing + rng.normal(size=(rows, features)) + 10
    values[rng.random(values.shape) < 0.05] = np.nan
    return pd.DataFrame(values, columns=[f"x{place}" for place in range(features)])


def people(rows: int, seed: int) -> pd.DataFrame:
    """Income and age hang together; so do channel and membership."""
    rng = np.random.default_rng(seed)
    age = rng.normal(45, 10, rows)
    member = rng.random(rows) < 0.7
    return pd.DataFrame(
        {
            "age": age,
            "income": 50 * age + rng.normal(0, 200, rows),
            "channel": np.where(member, "web", rng.choice(["phone", "branch", "web"], rows)),
            "member": member,
        }
    )


def fit(df: pd.DataFrame, **options: Any) -> Baseline:
    return Baseline.fit(df, **{"model": "m", "version": "1", "task": "regression"} | options)


def joint_of(baseline: Baseline) -> JointReference:
    assert baseline.joint is not None
    return baseline.joint


def plain(df: pd.DataFrame) -> dict[str, Any]:
    return {name: df[name].to_numpy(dtype=float) for name in df}


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return fit(people(5_000, seed=1))


@pytest.mark.parametrize(("rows", "features"), [(300, 2), (2_000, 7), (400, 50), (90_000, 3)])
def test_errors_are_those_of_scikit_learn_on_the_same_encoding(rows: int, features: int) -> None:
    joint = joint_of(fit(correlated(rows, features, seed=1)))
    live = plain(correlated(500, features, seed=2))
    table = standardise(np.stack([live[name] for name in joint.names]), joint.means, joint.scales).T
    pca = PCA(len(joint.components))
    pca.components_, pca.mean_ = joint.components, np.zeros(features)
    pca.explained_variance_ = np.ones(len(joint.components))
    expected = np.linalg.norm(table - pca.inverse_transform(pca.transform(table)), axis=1)
    np.testing.assert_allclose(joint.errors(live, 500), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("rows", "features"), [(3_000, 12), (120_000, 3)])
def test_components_are_those_of_scikit_learn(rows: int, features: int) -> None:
    df = correlated(rows, features, seed=3)
    joint = joint_of(fit(df))
    fitted, others = split(plain(df), np.zeros(rows, np.intp))
    table = standardise(df.to_numpy().T.copy(), joint.means, joint.scales).T
    pca = PCA(0.65, svd_solver="full").fit(table[fitted])
    assert (joint.components.shape, fitted.size + others.size) == ((pca.n_components_, features), rows)
    pca.mean_ = np.zeros(features)  # it is that of the encoding's grid
    expected = np.linalg.norm(table - pca.inverse_transform(table @ pca.components_.T), axis=1)
    expected[df.isna().all(axis=1)] = np.nan
    errors = joint.errors(plain(df), rows)
    np.testing.assert_allclose(errors, expected, rtol=0, atol=1e-9)
    known = errors[others][~np.isnan(errors[others])]
    assert joint.error.counts.tolist() == [joint.error.bins.count(known).tolist()]
    assert joint.error.missing.tolist() == [others.size - known.size]


def test_scikit_learns_whole_pipeline_agrees_but_for_the_grid() -> None:
    df = correlated(2_000, 8, seed=4)
    joint = joint_of(fit(df))
    fitted, _ = split(plain(df), np.zeros(2_000, np.intp))
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), PCA(0.65, svd_solver="full"))
    pipeline.fit(df.to_numpy()[fitted])
    table = pipeline[:-1].transform(df.to_numpy())
    expected = np.linalg.norm(table - pipeline[-1].inverse_transform(pipeline[-1].transform(table)), axis=1)
    np.testing.assert_allclose(joint.errors(plain(df), 2_000), expected, rtol=0, atol=2e-6)


def test_a_wild_value_counts_for_so_much_and_no_more() -> None:
    joint = joint_of(WIDE)
    near, far = (joint.errors({"x0": np.array([value])}, 1)[0] for value in (1e6, 1e300))
    assert near == far <= FARTHEST


ODD = st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 5e-324]) | st.floats(-100, 100)


@given(st.lists(st.lists(ODD, min_size=6, max_size=6), min_size=1, max_size=40), st.data())
def test_the_error_of_a_row_has_the_same_bits_in_any_batch(rows: list[list[float]], data: st.DataObject) -> None:
    joint = joint_of(WIDE)
    table = np.array(rows).T
    whole = joint.errors(dict(zip(joint.names, table, strict=True)), len(rows))
    cut = data.draw(st.integers(0, len(rows)))
    for part in (slice(0, cut), slice(cut, None), slice(cut, cut + 1)):
        columns = dict(zip(joint.names, table[:, part], strict=True))
        np.testing.assert_array_equal(joint.errors(columns, whole[part].size), whole[part])
    assert ((whole >= 0) | ~np.isfinite(table).any(axis=0)).all()
    assert (whole[~np.isnan(whole)] <= joint.error.high).all()


WIDE = fit(correlated(1_000, 6, seed=6))


def test_many_rows_and_many_features_keep_their_bits() -> None:
    df = correlated(5_000, 300, seed=7)
    joint = joint_of(fit(df))
    assert len(joint.components) <= MOST_COMPONENTS
    whole = joint.errors(plain(df), 5_000)
    for first in (0, 1, 4_095, 4_096, 4_999):
        one = {name: column[first : first + 1] for name, column in plain(df).items()}
        assert joint.errors(one, 1)[0] == whole[first]


def test_what_does_not_vary_is_left_out() -> None:
    df = people(500, seed=2).assign(constant=3.0, empty=np.nan, tenth=0.1, huge=1e200)
    df.loc[0, "huge"] = -1e200
    joint = joint_of(fit(df))
    assert joint.names == ("age", "income", "channel", "member")
    assert fit(df[["age", "constant"]]).joint is None
    assert fit(df[["age", "income"]].head(199)).joint is None
    assert fit(df[["age", "income"]].head(200)).joint is not None


def test_unrelated_features_keep_a_distance() -> None:
    """Two unrelated features need both components for 65 % of the variance, and then no row would have an error."""
    rng = np.random.default_rng(8)
    joint = joint_of(fit(pd.DataFrame(rng.normal(size=(1_000, 2)), columns=["x", "y"])))
    assert joint.components.shape == (1, 2)
    assert joint.errors({"x": np.array([3.0]), "y": np.array([0.5])}, 1)[0] > 0


def test_what_one_feature_says_of_the_other_has_no_error() -> None:
    x = np.random.default_rng(9).normal(size=1_000)
    joint = joint_of(fit(pd.DataFrame({"x": x, "y": 3 - 2 * x})))
    errors = joint.errors({"x": x, "y": 3 - 2 * x}, 1_000)
    assert errors.max() < 2e-6  # by the grid
    assert joint.error.bounds.tolist() == [SMALLEST]
    assert joint.error.counts.tolist() == [[500, 0]]
    assert joint.errors({"x": np.array([1.0]), "y": np.array([3.0])}, 1)[0] > 0.5


def test_categories_count_by_their_share_and_flags_as_one_and_zero(baseline: Baseline) -> None:
    channel, member = baseline.feature("channel"), baseline.feature("member")
    counts = channel.counts[0].tolist()
    codes = encode(categorical_column(["web", "mail", None]), channel)
    assert codes.tolist()[:2] == [counts[0] / 5_000, 0.0]
    assert np.isnan(codes[2])
    assert encode(categorical_column([True, "0", "maybe"]), member).tolist()[:2] == [1.0, 0.0]


def test_there_and_back(baseline: Baseline) -> None:
    read = Baseline.from_bytes(baseline.to_bytes())
    before, after = joint_of(baseline), joint_of(read)
    assert (read.id, after.names) == (baseline.id, before.names)
    np.testing.assert_array_equal(after.components, before.components)
    np.testing.assert_array_equal(after.error.counts, before.error.counts)
    columns = {"age": np.array([30.0, np.nan]), "income": np.array([4_000.0, 1.0])}
    np.testing.assert_array_equal(after.errors(columns, 2), before.errors(columns, 2))


def distances() -> NumericFeature:
    return NumericFeature("reconstruction_error", np.array([0.5]), np.array([[9, 1]]), np.array([0]), 0.0, 46.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("x", "x")}, "needs 2 to 1000 different features"),
        ({"means": [0.0]}, "means must be finite numbers, 2 in each row"),
        ({"means": ["x", "y"]}, "means are not numbers"),
        ({"scales": [1.0, 0.0]}, "scales must be above zero"),
        ({"components": [[0.6, np.nan]]}, "components must be finite"),
        ({"components": [[1.0, 0.0], [0.0, 1.0]]}, "components must be fewer than the features"),
        ({"components": [[3.0, 4.0]]}, "none longer than 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    parts = {"names": ("x", "y"), "means": [0, 0], "scales": [1, 1], "components": [[0.6, 0.8]], "error": distances()}
    with pytest.raises(BaselineError, match=message):
        JointReference(**parts | changes)


def test_a_baseline_holds_the_features_that_its_components_name(baseline: Baseline) -> None:
    joint = JointReference(("age", "height"), [0, 0], [1, 1], [[0.6, 0.8]], distances())
    with pytest.raises(BaselineError, match="joint: names a feature that the baseline does not have"):
        Baseline(**{name: getattr(baseline, name) for name in baseline.__dataclass_fields__} | {"joint": joint})


def watched(baseline: Baseline, batches: list[Any], **options: Any) -> list[dict[str, Any]]:
    """Points of reconstruction errors; a flush after each batch."""

    @monitor("m", version="1", baseline=baseline, **options)
    def predict(rows: Any) -> Any:
        return [0.0] * len(rows)

    clock = ManualClock(HOUR)
    with capture(Settings(export_interval=3600), clock=clock) as seen:
        for batch in batches:
            predict(batch)
            seen.flush()
        assert seen.failures == {}
        return by_name(seen.points, ERROR)


def test_a_flush_sends_one_histogram_on_the_baselines_bounds(baseline: Baseline) -> None:
    live = people(400, seed=3)
    live.loc[::10, "age"] = np.nan
    live.loc[::15, "channel"] = None
    joint = joint_of(baseline)
    expected = joint.errors(
        {name: encode(_read(live, name, baseline), baseline.feature(name)) for name in joint.names}, 400
    )
    frame, dicts = watched(baseline, [live]), watched(baseline, [live.to_dict("records")])
    (point,) = frame
    assert point["attributes"] == {"ml.model.name": "m", "ml.model.version": "1", "ml.baseline.id": baseline.id}
    assert (point["unit"], point["bounds"]) == ("1", joint.error.bounds.tolist())
    assert point["counts"] == joint.error.bins.count(expected).tolist()
    assert (point["min"], point["max"]) == (expected.min(), expected.max())
    assert [value for value, _, _ in point["exemplars"]] == [expected.min(), expected.max()]
    assert dicts[0]["counts"] == point["counts"]


def _read(df: pd.DataFrame, name: str, baseline: Baseline) -> Any:
    feature = baseline.feature(name)
    return (numeric_column if isinstance(feature, NumericFeature) else categorical_column)(df[name])


def test_flushes_add_up_whatever_a_row_lacks(baseline: Baseline) -> None:
    rows = people(60, seed=4).to_dict("records")
    rows[3] = {"age": 40.0}
    rows[7] = {"channel": "web", "zip": 7}
    rows[9] = {"zip": 1}  # nothing is known of this one
    (whole,) = watched(baseline, [rows])
    parts = watched(baseline, [[row] for row in rows])
    assert np.sum([part["counts"] for part in parts], axis=0).tolist() == whole["counts"]
    assert whole["count"] == 59
    assert sum(part["sum"] for part in parts) == pytest.approx(whole["sum"], rel=1e-12)
    assert max(part["max"] for part in parts) == whole["max"]


@pytest.mark.parametrize("private", [{"deny": "age"}, {"hash": "channel"}])
def test_no_error_leaves_when_one_of_its_features_must_not(baseline: Baseline, private: dict[str, Any]) -> None:
    assert watched(baseline, [people(50, seed=5)], **private) == []


def test_a_column_that_is_no_feature_may_be_private(baseline: Baseline) -> None:
    (point,) = watched(baseline, [people(50, seed=5).assign(name="Ada")], deny="name")
    assert point["count"] == 50
