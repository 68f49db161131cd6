"""The ``tidegauge`` command: what every subcommand shares in how it ends.

Errors are one line on stderr that says what is wrong and how to mend it. The exit code is 0, 1 when the command failed,
2 when it was called in the wrong way, and 130 when it was interrupted. The commands themselves are in `commands`,
which needs the packages of the extra ``processor``; without them this says how to get them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tidegauge.errors import ConfigurationError, TidegaugeError
from tidegauge_processor.printable import printable

_OURS = ("tidegauge", "tidegauge_processor")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit the process.

    Args:
        arguments: without the program's name; None takes them from the command line.
    """
    # Before NumPy is loaded: verdicts work on many small matrices, where BLAS's threads mostly wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from tidegauge_processor import commands

        code = commands.execute(sys.argv[1:] if arguments is None else arguments)
    except ConfigurationError as error:  # a line for each mistake
        code = _fail(*str(error).split("\n"))
    except TidegaugeError as error:
        code = _fail(str(error))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OURS:
            raise
        code = _fail(f'this command needs {missing}: pip install "tidegauge[processor]"')
    sys.exit(code)


def _fail(first: str, *others: str) -> int:
    print(printable(first if others else f"tidegauge: {first}"), *map(printable, others), sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
