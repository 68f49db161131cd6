"""Text that may stand in a line of a log or of a terminal, whoever wrote it.

A name may hold anything that Unicode has: an end of line that begins a forged entry, an escape sequence that colours,
moves or clears a terminal, a mark that turns the direction of writing. None of that is printed as it is.
"""

from __future__ import annotations

import logging


def printable(text: str) -> str:
    r"""Escape what cannot be seen, as a Python string spells it.

    >>> printable("crédit \U0001f4b3"), printable("x\n\x1b[2J\u202e")
    ('crédit 💳', 'x\\n\\x1b[2J\\u202e')
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


class PrintableFormatter(logging.Formatter):
    """Formats entries so that each begins a line, and no line begins with what a sender has chosen."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Escape the message, with all names in it."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        """Indent the lines of a traceback, the last of which has the words of an error that names may stand in."""
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return "\n".join(f"    {printable(line)}" for line in lines)
