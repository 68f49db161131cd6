"""YAML that remembers its lines.

A mistake in a configuration is mended fastest when its line is named. PyYAML forgets lines once it has built plain
values, so the values are built here, from its nodes, along with a table from the path of each value to its line.
Three things that YAML lets pass are mistakes here: a key given twice, an environment variable that is not set, and
aliases of aliases that a few lines make billions of values of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tidegauge_processor.config.environment import expand, is_one_variable

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a document down to one value."""

_LEFT_OUT: Final = object()
_MOST_VALUES: Final = 100_000
_BOMB: Final = (
    f"there are more than {_MOST_VALUES:,} values in it: write out what the aliases (*name) repeat, and only once"
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with a document.

    Attributes:
        line: line of the document, from 1.
        path: the value that it is about.
        message: what is wrong and how to mend it, one line.
    """

    line: int
    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.line}: {dotted(self.path)}: {self.message}" if self.path else f"{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as plain values.

    Attributes:
        data: mappings with string keys, lists and scalars; what was mistaken is left out.
        lines: path of each value -> its line, from 1.
        mistakes: what could not be read, in the order of the document.
    """

    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    def line(self, path: Path) -> int:
        """Line of the value at ``path``, or of the nearest thing around it that is written down."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 1)


def read(text: str, environment: Mapping[str, str]) -> Document:
    r"""Read one YAML document and put environment variables in their places.

    Args:
        text: the document; an empty one reads as None.
        environment: name -> value of the variables that ``${env:NAME}`` may name.

    >>> document = read("a:\n  b: ${env:B}\n  c: [1, x]\n", {"B": "2"})
    >>> document.data, document.line(("a", "c", 1)), document.line(("a", "nowhere"))
    ({'a': {'b': 2, 'c': [1, 'x']}}, 3, 1)
    >>> [str(mistake) for mistake in read("a: 1\na: 2\nb: ${env:B}\n", {}).mistakes]
    ['2: a: given twice: remove one', '3: b: the environment has no B: set it, or write ${env:B:-default}']
    """
    lines: dict[Path, int] = {}
    mistakes: list[Mistake] = []
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        data = None if root is None else _Reader(loader, environment, lines, mistakes).value(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not YAML: {' '.join(part for part in (error.context, error.problem) if part)}"
        return Document(None, {}, (Mistake(mark.line + 1 if mark else 1, (), message),))
    except yaml.YAMLError as error:
        return Document(None, {}, (Mistake(1, (), f"not YAML: {' '.join(str(error).split())}"),))
    except RecursionError:
        return Document(None, {}, (Mistake(1, (), "nested too deeply: remove the alias that contains itself"),))
    except _TooManyValuesError as error:
        return Document(None, {}, (Mistake(error.line, (), _BOMB),))
    finally:
        loader.dispose()
    return Document(None if data is _LEFT_OUT else data, lines, tuple(mistakes))


class _TooManyValuesError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Reader:
    loader: yaml.SafeLoader
    environment: Mapping[str, str]
    lines: dict[Path, int]
    mistakes: list[Mistake]

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > _MOST_VALUES:  # each value has a path of its own, also where an alias repeats it
            raise _TooManyValuesError(node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return dict(self._pairs(node, path))
            case yaml.SequenceNode():
                items = (self.value(item, (*path, position)) for position, item in enumerate(node.value))
                return [item for item in items if item is not _LEFT_OUT]
            case yaml.ScalarNode():
                return self._scalar(node, path)

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.mistakes.append(Mistake(line, path, "a key must be a name"))
                continue
            below = (*path, key_node.value)
            if below in self.lines:
                self.mistakes.append(Mistake(line, below, "given twice: remove one"))
                continue
            self.lines[below] = line
            value = self.value(value_node, below)
            if value is not _LEFT_OUT:
                yield key_node.value, value

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        line = node.start_mark.line + 1
        try:
            text = expand(node.value, self.environment)
        except ValueError as error:
            self.mistakes.append(Mistake(line, path, str(error)))
            return _LEFT_OUT
        if text != node.value:
            # A value that is one variable is read again, so that it can be a number, with quotes around it or not: flow
            # mappings need the quotes. An empty variable is an empty text, not null.
            plain = text != "" and is_one_variable(node.value)
            tag: str = self.loader.resolve(yaml.ScalarNode, text, (plain, not plain))  # type: ignore[no-untyped-call]
            node = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
        try:
            return self.loader.construct_object(node)
        except ValueError:  # such as the date 2013-02-30
            self.mistakes.append(Mistake(line, path, f"{text} is not understood: put it between quotes"))
            return _LEFT_OUT


def dotted(path: Path) -> str:
    """Spell a path as people write it.

    >>> dotted(("drift", "scales", 2))
    'drift.scales[2]'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
