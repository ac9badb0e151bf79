"""From YAML nodes to plain data, with the place of each value."""

import re
from typing import Any

import yaml

from qnas.core.errors import InputError
from qnas.core.visible import one_line

Key = str | int
Where = tuple[Key, ...]

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TOO_DEEP = "it is nested too deeply"
_TAGS = {_TAG + kind for kind in ("map", "seq", "str", "int", "float", "bool", "null")}


DEEPEST = 40
"""How deep values may be nested."""
MOST = 100_000
"""The most values once each alias is copied: a few hundred bytes of aliases can stand for any number of values."""
LARGEST = 2**64
"""All whole numbers must be smaller, like those of file formats and PyTorch."""
_LONGEST = 60


class Loader(yaml.SafeLoader):
    """Safe YAML in which ``1e-3`` is a number, as in YAML 1.2 (for PyYAML it is text), and a date is text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node.

        Raises:
            yaml.composer.ComposerError: It is nested too deeply.
        """
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    _TAG + "float", re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+0123456789.")
)


class Dumper(yaml.SafeDumper):
    """Writes YAML for :class:`Loader`: quotes texts that the loader would read as numbers."""


Dumper.yaml_implicit_resolvers = Loader.yaml_implicit_resolvers


class Reader:
    """Reads nodes, each alias as a separate copy.

    Attributes:
        values: Maps the path of each value to its place, such as ``"spec.yaml:12:7"``.
        keys: The same for the key before the value.
        hints: Maps the path of a value to what its key was probably meant to be, such as ``"bits: [4, 8]"``.
    """

    def __init__(self, source: str, loader: Loader) -> None:
        self.values: dict[Where, str] = {}
        self.keys: dict[Where, str] = {}
        self.hints: dict[Where, str] = {}
        self._source = source
        self._loader = loader
        self._open: list[yaml.Node] = []
        self._left = MOST

    def read(self, node: yaml.Node, path: Where) -> Any:
        """The data of ``node``, which is at ``path``.

        Raises:
            InputError: A key occurs twice, a node contains itself or has a type that no spec needs, or a number or the
                amount of data is absurdly large.
        """
        if node in self._open:
            raise self._unreadable("it refers to itself", node)
        self._left -= 1
        if self._left < 0:
            raise self._unreadable(f"with its aliases it stands for more than {MOST} values", node)
        if len(self._open) >= DEEPEST:
            raise self._unreadable(_TOO_DEEP, node)
        self._open.append(node)
        data = self._contents(node, path)
        self._open.pop()
        self.values[path] = self._place(node)
        return data

    def _contents(self, node: yaml.Node, path: Where) -> Any:
        if node.tag not in _TAGS:
            raise self._unreadable(f"'{one_line(node.tag.removeprefix(_TAG))}' is not a type that a spec has", node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Where) -> dict[str, Any]:
        data = self._merged(node, path)
        own: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            hint = _list_without_brackets(node, key_node)
            if not isinstance(key, str):
                got = f" (got {_shown(key_node)})" if isinstance(key_node, yaml.ScalarNode) else ""
                raise InputError(f"a key must be a word{got}{hint}", self._place(key_node))
            if hint:
                self.hints[*path, key] = hint
            if key in own:
                first = own[key].start_mark.line + 1
                raise InputError(f"duplicate key '{one_line(key)}' (first on line {first})", self._place(key_node))
            own[key] = key_node
            self.keys[*path, key] = self._place(key_node)
            data[key] = self.read(value_node, (*path, key))
        return data

    def _merged(self, node: yaml.MappingNode, path: Where) -> dict[str, Any]:
        """The mapping that ``<<`` merges in; if several have a key, the first wins."""
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                many = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for merged in reversed(many):
                    inner = self.read(merged, path)
                    if not isinstance(inner, dict):
                        raise InputError("<< must be given a mapping", self._place(merged))
                    data.update(inner)
        return data

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError, IndexError):
            kind = node.tag.removeprefix(_TAG)
            raise self._unreadable(f"'{_shown(node)}' can't be read as {kind}", node) from None
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise InputError(f"a whole number must fit into 64 bits (got {_shown(node)})", self._place(node))
        return value

    def _unreadable(self, why: str, node: yaml.Node) -> InputError:
        return InputError(f"this is not valid YAML: {why}", self._place(node))

    def _place(self, node: yaml.Node) -> str:
        return f"{self._source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _shown(scalar: yaml.Node) -> str:
    text = one_line(scalar.value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _list_without_brackets(mapping: yaml.MappingNode, key: yaml.Node) -> str:
    """The correction of ``{bits: 4, 8}``, in which 8 is a key without a value; ``""`` for any other key."""
    if not mapping.flow_style:
        return ""
    bare = [isinstance(value, yaml.ScalarNode) and not value.value and not value.style for _, value in mapping.value]
    at = next(index for index, (other, _) in enumerate(mapping.value) if other is key)
    first = max((index for index in range(at) if not bare[index]), default=at)
    owner, value = mapping.value[first]
    if not bare[at] or not isinstance(value, yaml.ScalarNode) or bare[first]:
        return ""
    last = next((index for index in range(at, len(bare)) if not bare[index]), len(bare))
    items = [value, *(other for other, _ in mapping.value[first + 1 : last])]
    return f"; a list needs brackets: {_shown(owner)}: [{', '.join(map(_shown, items))}]"
