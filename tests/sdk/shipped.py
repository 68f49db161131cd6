"""What is sent to other processes and found there by name."""

import functools
import os
import pickle

from tests.sdk.builders import small_baseline
from tidegauge import monitor
from tidegauge.testing import capture


def decorate(function, **options):
    return monitor("m", version="1", task="regression", **options)(function)


class Model:
    """Has one prediction decorated in its class, and one decorated when it is made."""

    def __init__(self, factor):
        self.factor = factor
        self.watched = decorate(self.predict)

    def predict(self, row):
        return row["age"] * self.factor

    predict.served = True

    @monitor("m", version="1", task="regression")
    def decorated(self, row):
        return row["age"] * self.factor


class Doubling:
    def __call__(self, row):
        return row["age"] * 2.0


class DoublingSoon:
    async def __call__(self, row):
        return row["age"] * 2.0


def times(factor, row):
    return row["age"] * factor


def attributions(row):
    return {"age": 1.0}


def key(row):
    return f"key-{row['age']}"


def score(found):
    return {"score": found / 100}


@decorate
def double(row):
    return row["age"] * 2.0


@monitor("m", version="1", task="regression")
@functools.lru_cache
def cached(age):
    return age * 2.0


DETAILED = {
    "version": "7",
    "baseline": small_baseline(),
    "output": score,
    "prediction_id": key,
    "explain": attributions,
    "explain_rate": 1.0,
    "hash": ["colour"],
}


def run(predict, rows):
    """What ``predict`` gives, how many rows this process recorded of it, and which process this is."""
    with capture() as seen:
        found = [predict(row) for row in rows]
        recorded = sum(point["value"] for point in seen.points if point["name"] == "ml.predictions")
        assert seen.failures == seen.drops == {}
    return found, recorded, os.getpid()


def load_and_run(data, rows):
    return run(pickle.loads(data), rows)
