"""What a model's rows looked like when it was known to work: the datum that live rows are measured against."""

from tidegauge.baseline.baseline import TASKS, Baseline, Task
from tidegauge.baseline.features import CategoricalFeature, Feature, NumericFeature, ScoreReference

__all__ = ["TASKS", "Baseline", "CategoricalFeature", "Feature", "NumericFeature", "ScoreReference", "Task"]
