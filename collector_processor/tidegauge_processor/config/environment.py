"""Environment variables inside a configuration, as the Collector writes them.

``${env:NAME}`` stands for the variable, ``${env:NAME:-default}`` for the default where the variable is not set, and
``$$`` for a dollar sign. See https://opentelemetry.io/docs/collector/configuration/#environment-variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_EXPRESSION: Final = re.compile(r"\$\$|\$\{(?P<inside>[^{}]*)\}")
_VARIABLE: Final = re.compile(r"env:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put the values of variables in their places.

    Args:
        text: one value of the configuration.
        environment: name -> value, such as ``os.environ``.

    Raises:
        ValueError: a variable is not set and has no default, or what stands between the braces is not understood.

    >>> expand("${env:HOST:-localhost}:${env:PORT}", {"PORT": "4317"})
    'localhost:4317'
    >>> expand("$${env:PORT} costs $5", {})
    '${env:PORT} costs $5'
    """

    def value(found: re.Match[str]) -> str:
        inside = found["inside"]
        if inside is None:
            return "$"
        variable = _VARIABLE.fullmatch(inside)
        if variable is None:
            name = inside.removeprefix("env:")
            name = name if _NAME.fullmatch(name) else "NAME"
            raise ValueError(f"{found[0]} is not understood: write ${{env:{name}}} or ${{env:{name}:-default}}")
        given = environment.get(variable["name"], variable["default"])
        if given is None:
            name = variable["name"]
            raise ValueError(f"the environment has no {name}: set it, or write ${{env:{name}:-default}}")
        return given

    return _EXPRESSION.sub(value, text)


def is_one_variable(text: str) -> bool:
    """Whether ``text`` is one ``${...}`` and nothing else.

    >>> [is_one_variable(text) for text in ("${env:A}", "${env:A}:1", "$$", "${env:A}${env:B}")]
    [True, False, False, False]
    """
    found = _EXPRESSION.fullmatch(text)
    return found is not None and found["inside"] is not None
