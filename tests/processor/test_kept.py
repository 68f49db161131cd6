"""What is worked out from a baseline goes with it."""

import gc
import weakref

from tests.processor.models import baseline
from tests.processor.test_other_baselines import same_cells
from tidegauge.baseline import Baseline
from tidegauge_processor.comparison import references
from tidegauge_processor.kept import kept_with_its_baseline
from tidegauge_processor.learned import blind_features


def test_it_is_worked_out_once_and_goes_with_its_baseline() -> None:
    calls: list[str] = []
    work = kept_with_its_baseline(lambda known: calls.append(known.id))
    for _ in range(2):
        work(baseline())
        work(same_cells())
    assert calls == [baseline().id, same_cells().id]
    own = Baseline.from_bytes(baseline().to_bytes())
    references(own)
    blind_features(own)
    gone = weakref.ref(own)
    del own
    gc.collect()
    assert gone() is None
