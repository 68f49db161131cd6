"""What `tidegauge validate` says of the budget of false alarms."""

import numpy as np
import pandas as pd
import pytest

from tidegauge import Baseline
from tidegauge_processor.cli import main


def test_validate_says_what_each_model_may_spend_on_what(tmp_path, capsys):
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"age": rng.normal(40, 10, 400), "city": rng.choice(list("abc"), 400), "score": rng.random(400)}
    )
    folder = tmp_path / "baselines"
    folder.mkdir()
    Baseline.fit(rows, model="credit", version="7", task="binary", score="score").save(folder / "credit.json")
    config = tmp_path / "tidegauge.yaml"
    config.write_text(f"baselines: {folder}\nmodels: {{credit: {{drift: {{false_incidents_per_month: 2}}}}}}\n")
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(config)])
    assert not ended.value.code
    said = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(said) if line.startswith("budget of credit 7: 2 false incidents a month"))
    shares = [line.split() for line in said[start + 1 : start + 7]]
    assert [share[0] for share in shares] == ["features", "predictions", "quality", "labels", "fairness", "kept"]
    assert [float(share[1]) for share in shares[:-1]] == pytest.approx([0.5, 0.25, 0.25, 0.2, 0.4])
    assert said[start + 6] == "  kept back    0.4 because tails and wobble are only estimated"
    assert shares[1][3:5] == ["2", "streams,"]


def test_without_a_baseline_an_example_is_given(tmp_path, capsys):
    config = tmp_path / "tidegauge.yaml"
    config.write_text("drift: {false_incidents_per_month: 0.5}\n")
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(config)])
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "for example a binary model with 50 numeric features: 0.5 false incidents a month" in said
    assert "  quality      0.0625 on 200 streams" in said
