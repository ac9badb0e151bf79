"""The signature of a function, as its author wrote it."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

LINE = 100


def signature(function: Callable[..., Any], name: str) -> str:
    """``def name(...) -> ...``."""
    type_ = returned(function)
    return _called(f"def {name}", list(_parameters(_definition(function).args)), f" -> {type_}" if type_ else "")


def returned(function: Callable[..., Any]) -> str:
    """The type that it returns, ``""`` if it does not say it."""
    node = _definition(function)
    return _type(node.returns) if node.returns else ""


def constructor(cls: type[Any]) -> str:
    """``Name(...)``, for a class that has its own constructor, or fields."""
    written = [node for node in _class(cls).body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    _, *parameters = _parameters(written[0].args) if written else ("self", *_fields(_class(cls)))
    return _called(cls.__name__, parameters, "")


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """The fields of a dataclass or a named tuple, as the constructor takes them."""
    for stated in node.body:
        if isinstance(stated, ast.AnnAssign):
            yield ast.unparse(stated)


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    node = _source(function)
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(f"{function} is no function")
    return node


def _class(cls: type[Any]) -> ast.ClassDef:
    node = _source(cls)
    if not isinstance(node, ast.ClassDef):
        raise TypeError(f"{cls} is no class")
    return node


def _source(value: Callable[..., Any]) -> ast.stmt:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    return node


def _called(name: str, parameters: list[str], returned: str) -> str:
    """In one line or, if that is too long, with one line for each parameter."""
    line = f"{name}({', '.join(parameters)}){returned}"
    if len(line) <= LINE:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){returned}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    lacking = [None] * (len(plain) - len(arguments.defaults))
    for index, (argument, default) in enumerate(zip(plain, [*lacking, *arguments.defaults], strict=True)):
        yield _parameter(argument, default)
        if index + 1 == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg)}"
    elif arguments.kwonlyargs:
        yield "*"
    yield from map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg)}"


def _parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
    typed = f"{argument.arg}: {_type(argument.annotation)}" if argument.annotation else argument.arg
    return f"{typed} = {ast.unparse(default)}" if default else typed


def _type(annotation: ast.expr) -> str:
    """A type, without the quotes that it has if it is imported for type checkers only."""
    return str(ast.literal_eval(annotation)) if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
