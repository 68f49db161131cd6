"""Baselines: from a folder, from the store, and in parts from applications."""

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processor.models import baseline
from tidegauge.errors import BaselineError
from tidegauge_processor.baselines import Baselines, learned_key
from tidegauge_processor.records import BaselinePart, ModelKey

KEY = ModelKey("credit-risk", "7")


def parts(data: bytes, number: int, id: str | None = None) -> list[BaselinePart]:
    size = -(-len(data) // number)
    cut = [data[i : i + size] for i in range(0, len(data), size)]
    return [BaselinePart(id or baseline().id, i, len(cut), body) for i, body in enumerate(cut)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_parts_come_in_any_order_and_more_than_once(order: tuple[int, ...]) -> None:
    shelf = Baselines()
    found = parts(gzip.compress(baseline().to_bytes()), 3)
    said = [shelf.add_part(found[i]) for i in (*order[:2], *order[:2], order[2], order[0])]
    assert [bool(baseline) for baseline in said] == [False] * 4 + [True, False]
    known = shelf.of(KEY)
    assert known is not None
    assert known.to_bytes() == baseline().to_bytes()


def test_content_that_is_not_what_it_promises_is_refused() -> None:
    with pytest.raises(BaselineError, match="was published with the content of"):
        Baselines().add_part(*parts(gzip.compress(baseline().to_bytes()), 1, id="0" * 32))
    with pytest.raises(BaselineError, match="is not gzip"):
        Baselines().add_part(*parts(b"plain text", 1))
    with pytest.raises(BaselineError, match="cut off or larger than 64 MiB"):
        Baselines().add_part(*parts(gzip.compress(bytes(65 << 20)), 1))


def test_what_was_learned_says_the_key_and_not_the_metadata() -> None:
    claimed, learned = (replace(baseline(), metadata={"origin": "learned", "n": n}) for n in (1, 2))
    stored = {claimed.id: claimed.to_bytes(), learned_key(learned.id): learned.to_bytes()}
    shelf = Baselines.read(None, stored)
    assert shelf.learned() == [learned]
    assert shelf.of(KEY) == claimed  # one that somebody made stands above one that was learned


def test_what_cannot_be_used_in_the_store_is_left_out_and_named() -> None:
    evil = replace(baseline(), model="evil\ud800")
    stored = {"0" * 32: b"{", evil.id: evil.to_bytes(), baseline().id: baseline().to_bytes()}
    shelf = Baselines.read(None, stored)
    assert list(shelf) == [baseline().id]
    assert set(shelf.unreadable) == {"0" * 32, evil.id}


def test_a_folder_with_an_unsayable_baseline_is_an_error(tmp_path: Path) -> None:
    replace(baseline(), model="evil\ud800").save(tmp_path / "evil.json")
    with pytest.raises(BaselineError, match=r"cannot use baseline '.*evil\.json': a name in it is no Unicode"):
        Baselines.read(tmp_path, {})


def test_a_folder_is_read_and_its_baselines_are_in_force(tmp_path: Path) -> None:
    baseline().save(tmp_path / "credit-risk-7.baseline.json")
    shelf = Baselines.read(tmp_path, {})
    assert list(shelf) == [baseline().id]
    assert Baselines.read(None, {baseline().id: baseline().to_bytes()}).of(KEY) is not None
    with pytest.raises(BaselineError, match=r"baselines: .* is not a folder"):
        Baselines.read(tmp_path / "none", {})
