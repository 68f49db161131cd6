"""How many live rows will have a category that the reference has never met: by those that it has met only once.

A reference from which the categories themselves are chosen knows all of its own, and seems to say that no row is ever
new. Where the vocabulary is not exhausted (postcodes, device models, search terms), that is wrong: of 67,000 rows over
a thousand such categories, 0.8 % of the next ones were new. Good and Turing's estimate of the chance that the next row
is new is the share of rows whose category occurs once,

    P(new) = N1 / n

and it is a count of rows, so a baseline can keep it as one: those rows are counted as ``_unseen``, by season slot and
block like all others. Its variance is about that of a count. What is left to the categories met more often is then, in
sum, what the same estimate gives them. With an exhausted vocabulary there are no such rows, and none is unseen.

The vocabulary stays as it is: a live row with a category met once is a known one.

Source: I. J. Good (1953), The population frequencies of species and the estimation of population parameters,
Biometrika 40, 237-264.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tidegauge.summaries import UNSEEN


def met_again(values: Sequence[str | None]) -> list[str | None]:
    """``values`` (shape ``(n,)``), with `UNSEEN` in the place of each category that occurs only once.

    >>> met_again(["a", "b", None, "a"])
    ['a', '_unseen', None, 'a']
    """
    met = Counter(values)
    return [UNSEEN if value is not None and met[value] == 1 else value for value in values]
