"""What the command prints: names in it may come from a file or a sender, and are printed so that they can be seen."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from tidegauge_processor.printable import printable


def echo(text: str, *, err: bool = False) -> None:
    """Print one line, on stderr where it is about an error."""
    typer.echo(printable(text), err=err)


class Screen(Console):
    """A console for text that is no markup.

    Ends of lines around a text are layout, those within it are not.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of a string: all that is printed passes here."""
        within = text.strip("\n")
        before = text[: len(text) - len(text.lstrip("\n"))] if within else text
        after = text[len(before) + len(within) :]
        return super().render_str(f"{before}{printable(within)}{after}", **options)
