"""From pydantic's errors to mistakes that say how to mend them.

Pydantic reports where a value is and what rule it breaks; a person wants the line, the value and the way out. It also
stops before rules between settings while any one setting is wrong. To report everything at once, the wrong values
are taken out and the rest is validated again; a rule between settings is believed only when none of its settings was
among those taken out.
"""

from __future__ import annotations

import copy
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from tidegauge_processor.config.yaml_lines import Document, Mistake, Path

_MESSAGES: Final = {
    "bool_type": "must be true or false, not {given}",
    "int_type": "must be a whole number, not {given}",
    "float_type": "must be a number, not {given}",
    "finite_number": "must be a finite number, not {given}",
    "string_type": "must be a text, not {given}: put it between quotes",
    "path_type": "must be a path, not {given}",
    "model_type": "must be a section with keys of its own, not {given}",
    "dict_type": "must be a section with a key for each name, not {given}",
    "tuple_type": "must be a list such as [1, 3, 6], not {given}",
    "too_short": "must not be empty",
    "greater_than": "must be greater than {gt}, not {given}",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than": "must be less than {lt}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "literal_error": "must be one of {expected}, not {given}",
}


def conflict(setting: str, message: str, *others: str) -> PydanticCustomError:
    """Error of a rule between settings of one section.

    Args:
        setting: the key to mend.
        message: what is wrong and how to mend it.
        others: the other settings that the rule looked at, dotted where they stand deeper.
    """
    return PydanticCustomError("conflict", "{message}", {"message": message, "settings": [setting, *others]})


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, data: Any, *, known: list[Mistake]
) -> tuple[list[Mistake], Any]:
    """Explain what is wrong with ``data``, and take it out.

    Args:
        error: what validating ``data`` as ``model`` raised.
        model: the outermost section.
        document: where ``data`` came from, for the lines.
        data: the values that were validated.
        known: mistakes found before; a rule that looks at their settings is not believed.

    Returns:
        The mistakes, and the values without them; None when there is nothing left to validate.
    """
    found: list[Mistake] = []
    left = copy.deepcopy(data)
    progress = False
    for details in error.errors():
        path: Path = details["loc"]
        if details["type"] == "conflict":
            settings = [(*path, *setting.split(".")) for setting in details["ctx"]["settings"]]
            if not any(mistake.path[: len(setting)] == setting for mistake in known for setting in settings):
                given = next((setting for setting in settings if setting in document.lines), settings[0])
                found.append(Mistake(document.line(given), settings[0], details["msg"]))
            path = settings[0]
        else:
            found.append(Mistake(document.line(path), path, _message(details, model)))
        progress |= _take_out(left, path)
    return found, left if progress else None


def _message(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(details["loc"][-1]), _keys(model, details["loc"][:-1]))
    if kind == "value_error":
        return str(context["error"])
    return _MESSAGES[kind].format_map({"given": _shown(details["input"]), **context})


def _unknown(key: str, keys: list[str]) -> str:
    near = get_close_matches(key, keys, n=1)
    return f"unknown key: did you mean {near[0]}?" if near else f"unknown key: there are {', '.join(keys)}"


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    section: Any = model
    for key in path:
        named = isinstance(section, type) and issubclass(section, BaseModel)
        section = section.model_fields[key].annotation if named else get_args(section)[-1]
    return list(section.model_fields)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a section"
        case list():
            return "a list"
    return repr(value) if isinstance(value, str) else str(value)


def _take_out(data: Any, path: Path) -> bool:
    """Remove the value at ``path``; for a list, the whole list, since positions would move."""
    keys = [key for key in path if isinstance(key, str)]
    for key in keys[:-1]:
        data = data.get(key) if isinstance(data, dict) else None
    return bool(keys) and isinstance(data, dict) and data.pop(keys[-1], _NOTHING) is not _NOTHING


_NOTHING: Final = object()
