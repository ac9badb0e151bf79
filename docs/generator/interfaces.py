"""The page of the public names of ``qnas``: the interfaces of components, and what their methods take and return."""

import ast
import dataclasses
import functools
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, get_args

import qnas

from .markdown import code, docstring, escaped, fence, heading, page, prose, table, wrapped
from .signature import constructor, returned, signature

_ABOUT = """\
Import everything that a program, a plugin and its tests need from the package `qnas` itself; modules inside it may
change between versions. [The Python API](../python.md) shows the functions at work. A component is a frozen pydantic
model: its fields are what a spec can set, and its methods build or compute. The methods of each class are listed below
it. An author implements those marked as abstract; the others have an implementation, which can be overridden."""

_ELSEWHERE = {"Spec": "A whole spec; its fields are [on their own page](spec.md)."}
"""Names that have a page of their own."""
_PLAIN = {
    "API_VERSION": "The version of hooks and interfaces. A plugin whose module says `QNAS_API = 1` needs version 1.",
    "Amount": "A field's type: a positive integer of at most 10,000,000, such as a number of steps.",
    "FLOAT": "The widths that mean no quantization: `Widths(32, 32)`.",
    "FLOAT_BITS": "The bit-width that means float: 32.",
    "Pixels": "An array (H, W, 3) of uint8: RGB.",
    "Runtime": "A function that enlarges an image: (1, 3, H, W), float32 RGB in 0..1, to (1, 3, H x scale, W x scale).",
    "State": "Mappings and lists of tensors, numbers, texts, booleans and None, nested to any depth.",
    "Teacher": "A field's type: `float`, `weights`, a `RunTeacher` or a `ModuleTeacher`.",
}
"""Names of objects that can't have a docstring."""
_MADE = {"Candidate", "QuantizedLayers", "Supernet", "Widths"}
"""Classes that users instantiate although their docstrings have no ``Args:``."""


def interfaces() -> str:
    """Every public name with its docstring, its class variables and its methods."""
    names = sorted(qnas.__all__, key=lambda name: name != "Component")  # first, as all kinds have it in common
    rows = ((f"[`{name}`](#{name.lower()})", _first_line(name)) for name in names)
    return page("Interfaces", prose(_ABOUT), table(("name", "what it is"), rows), *map(_section, names))


def _first_line(name: str) -> str:
    return _about(name).split("\n\n")[0].replace("\n", " ")


def _section(name: str) -> str:
    value = getattr(qnas, name)
    parts = [_called(value, name), _about(name)]
    if inspect.isclass(value) and name not in _ELSEWHERE:
        parts += [_variables(value), _properties(value), *_methods(value)]
    return "\n\n".join([heading(code(name)), *filter(None, parts)])


def _called(value: object, name: str) -> str:
    """The call of a function, or of the constructor of a class that users instantiate."""
    if inspect.isfunction(value):
        return fence(signature(value, name), "python")
    if inspect.isclass(value) and (name in _MADE or "Args:" in (value.__doc__ or "")):
        return fence(constructor(value), "python")
    return ""


def _about(name: str) -> str:
    value = getattr(qnas, name)
    if name in _ELSEWHERE or name in _PLAIN:
        return {**_ELSEWHERE, **_PLAIN}[name]
    if name == "hookimpl":
        return "Marks the implementation of a hook: `@qnas.hookimpl`. [The hooks](hooks.md) have a page of their own."
    if get_args(value):
        return f"One of {', '.join(code(option) for option in get_args(value))}."
    return docstring(value)


def _variables(cls: type[Any]) -> str:
    """The variables of the class itself that have a docstring below them."""
    lines = [wrapped(f"- {code(stated)}: {escaped(text)}", "  ") for stated, text in _stated(cls)]
    return "\n".join(["Class variables:", "", *lines]) if lines else ""


def _stated(cls: type[Any]) -> Iterator[tuple[str, str]]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for stated, below in itertools.pairwise(body):
        if isinstance(stated, ast.AnnAssign) and _text(below):
            yield ast.unparse(stated), _text(below)


def _text(statement: ast.stmt) -> str:
    """The text of a docstring; empty for any other statement."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return str(value.value) if isinstance(value, ast.Constant) else ""


def _properties(cls: type[Any]) -> str:
    """What the class computes as an attribute and says something of."""
    lines = [
        wrapped(f"- {code(f'{name}: {returned(function)}')}: {escaped(_opening(function))}", "  ")
        for name, value in _members(cls).items()
        if (function := _computing(value)) and function.__doc__ and not name.startswith("_")
    ]
    return "\n".join(["Properties:", "", *lines]) if lines else ""


def _members(cls: type[Any]) -> dict[str, object]:
    """What the class defines, after what a dataclass has from those that it extends and that are no public names."""
    public = {id(getattr(qnas, name)) for name in qnas.__all__}
    parts = [base for base in cls.__mro__[1:] if dataclasses.is_dataclass(base) and id(base) not in public]
    return {name: value for one in (*reversed(parts), cls) for name, value in vars(one).items()}


def _computing(value: object) -> Callable[..., Any] | None:
    """The function of a property."""
    if isinstance(value, property):
        return value.fget
    return value.func if isinstance(value, functools.cached_property) else None


def _opening(documented: object) -> str:
    """The first paragraph of a docstring."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _methods(cls: type[Any]) -> Iterator[str]:
    """The methods that the class defines with a docstring."""
    for name, value in _members(cls).items():
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function) and function.__doc__ and (name == "__call__" or not name.startswith("_")):
            yield f"{fence(_marks(value) + signature(function, name), 'python')}\n\n{docstring(function)}"


def _marks(method: object) -> str:
    marks = {"@abstractmethod": getattr(method, "__isabstractmethod__", False)}
    marks["@classmethod"] = isinstance(method, classmethod)
    wrapped = getattr(method, "__wrapped__", None) if inspect.isfunction(method) else None
    marks["@contextmanager"] = inspect.isgeneratorfunction(wrapped)
    return "".join(f"{mark}\n" for mark, is_marked in marks.items() if is_marked)
