"""The mergeable algebra on which both sides stand.

A summary says what a set of rows looked like without keeping the rows. Summaries of parts add up to the summary of
the whole, in any order and however the rows were split, to the same bits: counts and sums are integers, and integers
do not round.
"""

from tidegauge.summaries.categories import OTHER, UNSEEN, CategorySummary
from tidegauge.summaries.exact_sum import ExactSum
from tidegauge.summaries.exponential import ExponentialSummary
from tidegauge.summaries.numeric import NumericSummary

__all__ = ["OTHER", "UNSEEN", "CategorySummary", "ExactSum", "ExponentialSummary", "NumericSummary"]
