"""What the processor would have said on history: rows of a file through the same counting and the same judging.

    file -> chunks of rows (`reading`, `texts`) -> windows by the rows' own time (`timeline`)
         -> counts (`counting`, `outputs`) -> `judging.judge_windows`, as in the processor -> `results`, `screen`
         -> outcomes (`labels`) by cohort (`cohorts`) -> `evaluating.evaluate_cohort`, as there -> `evaluations`

A live row travels further: the SDK bins it, OTLP carries the counts, the processor merges them. All of this is exact,
so counting the rows of a window at once gives the same counts, and from there on the code is the processor's own.
"""

from tidegauge_processor.backtest.labels import LabelColumns
from tidegauge_processor.backtest.outputs import OutputColumns
from tidegauge_processor.backtest.reading import Source
from tidegauge_processor.backtest.replay import run
from tidegauge_processor.backtest.results import Backtest

__all__ = ["Backtest", "LabelColumns", "OutputColumns", "Source", "run"]
