"""What a model's rows looked like when it was known to work: the datum that live rows are measured against."""

from tidegauge.baseline.baseline import Baseline
from tidegauge.baseline.features import CategoricalFeature, Feature, NumericFeature, ScoreReference
from tidegauge.baseline.joint import JointReference
from tidegauge.baseline.tasks import TASKS, Task

__all__ = [
    "TASKS",
    "Baseline",
    "CategoricalFeature",
    "Feature",
    "JointReference",
    "NumericFeature",
    "ScoreReference",
    "Task",
]
