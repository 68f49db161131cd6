"""The option of the commands that names a column of scores for each of several classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

ClassScore = Annotated[
    list[str] | None,
    typer.Option(metavar="CLASS=COL", help="Predicted probability of one of several classes; repeat it for each."),
]
"""``--class-score``, as often as there are classes."""


def class_columns(given: Iterable[str] | None, score: str | None) -> dict[str, str]:
    """Columns by class, of what `ClassScore` was given; ``score`` is what ``--score`` was.

    Raises:
        typer.BadParameter: one is not of the form, or names a class again, or there are scores of both kinds.

    >>> class_columns(["cat=p_cat", "dog=p_dog"], None)
    {'cat': 'p_cat', 'dog': 'p_dog'}
    """
    found: dict[str, str] = {}
    for each in given or ():
        name, sign, column = each.partition("=")
        if not (name and sign and column):
            raise typer.BadParameter(f"--class-score {each!r} should be CLASS=COL, such as cat=p_cat.")
        if name in found:
            raise typer.BadParameter(f"--class-score names the class {name!r} twice.")
        found[name] = column
    if found and score is not None:
        raise typer.BadParameter("the score of a row follows from --class-score: leave --score out.")
    return found
