"""A network as Python code that depends on nothing but PyTorch: what torch.fx sees when it runs."""

import copy
import re
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, fx, nn
from torch.fx.graph import PythonCode

from qnas.core.api.calls import NoCallError, call_of
from qnas.core.errors import first_line, place_of

NETWORK = "Network"
"""What the class is called."""
_MOST = 4096  # numbers in a constant

_SOURCE = '''\
"""{name}, as qnas traced it: with torch.fx, in evaluation and in training mode alike."""

{imports}


class {network}(nn.Module):
    def __init__(self):
        super().__init__()
{parts}

{forward}
'''


def source_of(network: nn.Module) -> str:
    """The code of a module whose class, ``Network``, makes the same network with the same names in its state dict.

    Raises:
        NoCallError: It can't be traced: its code depends on values or sizes, or it has parts that can't be written.
    """
    graph = _graph(network)
    code = graph.python_code("self")
    forward = re.sub(r"\n{2,}", "\n", code.src.strip())
    return _SOURCE.format(
        name=type(network).__name__,
        imports="\n".join(sorted({"import torch", "from torch import nn", *_imports(code)})),
        network=NETWORK,
        parts="\n".join(f"        {line}" for line in _parts(network, graph)),
        forward="\n".join(f"    {line}" for line in forward.splitlines()),
    )


def _graph(network: nn.Module) -> fx.Graph:
    """What the network does to an image.

    Raises:
        NoCallError: It can't be traced, or does something else in training.
    """
    graphs = []
    for is_training in (False, True):
        copied = copy.deepcopy(network).train(is_training)
        try:
            graphs.append(fx.Tracer().trace(copied))
        except Exception as error:  # the network's own code raises anything on what stands for values
            raise NoCallError(f"it can't be traced: {first_line(error)}{place_of(error)}") from error
    codes = [graph.python_code("self").src for graph in graphs]
    if codes[0] != codes[1]:
        raise NoCallError("it can't be traced: it does something else in training mode")
    return graphs[0]


def _imports(code: PythonCode) -> Iterator[str]:
    """The lines that import what the code uses; torch.fx lists more."""
    for name, value in code.globals.items():
        if re.search(rf"\b{re.escape(name)}\b", code.src):
            yield _import_of(name, value)


def _import_of(name: str, value: Any) -> str:
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__}" + (f" as {name}" if value.__name__ != name else "")
    if name in {"inf", "nan"}:
        return f"from math import {name}"
    module, own = str(getattr(value, "__module__", None) or "torch"), str(getattr(value, "__name__", name))
    if module == "__main__" or getattr(sys.modules.get(module), own, None) is not value:
        raise NoCallError(f"it can't be traced: it calls {own}, which can't be imported")
    return f"from {module} import {own}" + (f" as {name}" if own != name else "")


def _parts(network: nn.Module, graph: fx.Graph) -> Iterator[str]:
    """The lines that make what the code uses, in the order of the network."""
    used = {str(node.target): node.op for node in graph.nodes if node.op in {"call_module", "get_attr"}}
    made = {path for path, op in used.items() if op == "call_module"}
    state = network.state_dict()
    tensors = {path for path in state if not any(path.startswith(f"{part}.") for part in made)}
    tensors |= {path for path, op in used.items() if op == "get_attr"}
    yield from map(_holder, _holders(made | tensors))
    for path, module in network.named_modules():
        if path in made:
            yield f"{_outer(path)}.add_module({_last(path)!r}, {_made(module)})"
    for path in sorted(tensors):
        yield _tensor(network, path, is_kept=path in state)


def _holders(paths: Iterable[str]) -> list[str]:
    """The modules that hold what stands at these paths, each after the one around it."""
    found = {".".join(path.split(".")[:end]) for path in paths for end in range(1, path.count(".") + 1)}
    return sorted(found, key=lambda path: path.count("."))


def _holder(path: str) -> str:
    return f"{_outer(path)}.add_module({_last(path)!r}, nn.Module())"


def _outer(path: str) -> str:
    outer = path.rpartition(".")[0]
    return f"self.get_submodule({outer!r})" if outer else "self"


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _made(module: nn.Module) -> str:
    """The call that makes a layer of PyTorch."""
    name = type(module).__name__
    if getattr(nn, name, None) is not type(module):
        raise NoCallError(f"it can't be traced: {name} is no layer of torch.nn")
    arguments = ", ".join(f"{key}={value!r}" for key, value in call_of(module).items())
    return f"nn.{name}({arguments})"


def _tensor(network: nn.Module, path: str, *, is_kept: bool) -> str:
    """The line that makes a tensor that belongs to no layer; the state dict has its values, if it is in there."""
    outer, _, name = path.rpartition(".")
    value = getattr(network.get_submodule(outer), name)
    if not isinstance(value, Tensor):
        raise NoCallError(f"it can't be traced: '{path}' is of type {type(value).__name__}")
    if is_kept:
        made = f"torch.zeros({tuple(value.shape)}, dtype={value.dtype})"
    elif value.numel() <= _MOST:
        made = f"torch.tensor({value.tolist()!r}, dtype={value.dtype})"
    else:
        raise NoCallError(f"it can't be traced: '{path}' has {value.numel()} values that are in no state dict")
    if isinstance(value, nn.Parameter):
        return f"{_outer(path)}.register_parameter({name!r}, nn.Parameter({made}, requires_grad={value.requires_grad}))"
    return f"{_outer(path)}.register_buffer({name!r}, {made}, persistent={is_kept})"
