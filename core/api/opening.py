"""``qnas.open_module``: a network that there is, as a space."""

import copy
import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import RootModel
from torch import Tensor, nn

from qnas.core.api.calls import NoCallError, call_of, import_path
from qnas.core.api.traced import NETWORK, source_of
from qnas.core.components import Space
from qnas.core.errors import InputError, first_line, plainly
from qnas.core.files.atomic import write_atomically
from qnas.core.images.cache import cache_folder
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.registry import is_foreign_code_refused
from qnas.core.registry.trust import OPTION
from qnas.core.spec.document import Document
from qnas.core.spec.load import validate

_SIZES = ((32, 32), (48, 40))
_WAY_OUT = "name the arguments of its class, as in open_module(model, arguments={'channels': 48})"


@plainly
def open_module(
    model: nn.Module | str,
    weights: str | Path | Mapping[str, Tensor] = "module",
    *,
    bits: Sequence[Any] | Mapping[str, Any] = (4, 8),
    arguments: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Space:
    """The space of a network: its convolutions become slots, to be searched and quantized.

    A run keeps what it needs to make the network again. If the model's class can be imported, that is a call of the
    class. If it can't, as in a notebook, or if the attributes do not tell its arguments, it is the model's code as
    ``torch.fx`` traces it. Either is tried: it must make the same images as the model.

    Args:
        model: The network, from (N, 3, H, W), RGB in 0..1, to (N, 3, H * scale, W * scale); it is left as it is. Or an
            import path such as ``my_net:MyNet``.
        weights: What it starts from: its own (``module``), those in a file or a state dict, or ``fresh`` ones.
        bits: The bit-widths of its slots, as in a spec.
        arguments: The arguments of the model's class, if its attributes do not tell them.
        **fields: Other fields of the space ``module``, such as ``open`` and ``operations``.

    Raises:
        InputError: The network can't be made again, or a field is wrong.
    """
    if isinstance(model, nn.Module):
        _refuse_odd(model)
        made = _call(model, arguments)
        start = _start(model, weights)
    elif isinstance(model, str):
        made, start = {"target": model, "arguments": dict(arguments or {})}, _file(weights, "weights")
    else:
        raise InputError(
            f"the model must be an nn.Module or an import path, not a {type(model).__name__}", "open_module"
        )
    widths = dict(bits) if isinstance(bits, Mapping) else list(bits)
    space = {"name": "module", **made, "weights": start, "bits": widths, **fields}
    return validate(Document({"space": space}, "open_module"), RootModel[dict[str, Space]]).root["space"]


def _refuse_odd(model: nn.Module) -> None:
    """Refuse a model that can't be opened whatever is said of it, and code where none may be run."""
    if is_foreign_code_refused():
        raise InputError(f"runs the code of a network, which {OPTION} refuses", "open_module")
    try:
        _outputs(model, is_training=False)
    except Exception as error:  # a network raises anything
        raise InputError(f"the model can't run on an image: {first_line(error)}", "open_module") from error


def _call(model: nn.Module, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """The target and the arguments that make a network like the model.

    Raises:
        InputError: Nothing does.
    """
    try:
        target = import_path(type(model))
        found = call_of(model) if arguments is None else dict(arguments)
        _refuse_other(type(model), found, model)
        return {"target": target, "arguments": found}
    except NoCallError as why_not:
        if arguments is not None:
            raise InputError(f"{type(model).__name__} can't be made again: {why_not}", "open_module") from why_not
        try:
            return {"target": f"{_written(model)}:{NETWORK}"}
        except NoCallError as error:
            reasons = f"{why_not}, and {error}"
            said = f"{type(model).__name__} can't be made again: {reasons}; {_WAY_OUT}"
            raise InputError(said, "open_module") from error


def _refuse_other(kind: Any, arguments: Mapping[str, Any], model: nn.Module) -> None:
    """Refuse a call that fails, or makes another network than the model.

    Raises:
        NoCallError: It says how they differ.
    """
    called = f"{kind.__name__}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    try:
        other = kind(**arguments)
    except Exception as error:  # a third-party class raises anything
        raise NoCallError(f"{called} fails: {first_line(error)}") from error
    ours, theirs = (
        {name: (value.shape, value.dtype) for name, value in one.state_dict().items()} for one in (model, other)
    )
    differing = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    if differing:
        raise NoCallError(f"{called} makes another network: '{differing[0]}' differs")
    other.load_state_dict(model.state_dict())
    for is_training in (False, True):
        pairs = zip(_outputs(model, is_training), _outputs(other, is_training), strict=True)
        if not all(torch.allclose(one, another, rtol=1e-4, atol=1e-5) for one, another in pairs):
            raise NoCallError(f"{called} makes other images with the same weights")


@torch.no_grad()
def _outputs(model: nn.Module, is_training: bool) -> list[Tensor]:
    """What a copy of the model makes of some images; nothing where that is no tensor, which its space refuses."""
    network, outputs = copy.deepcopy(model).cpu().train(is_training), []
    for height, width in _SIZES:
        seed_everything(0)
        made = network(torch.rand(2, 3, height, width))
        outputs.append(made if isinstance(made, Tensor) else torch.zeros(0))
    return outputs


def _written(model: nn.Module) -> str:
    """Write the model's code where it can be imported from, and return the module's name.

    Raises:
        NoCallError: It can't be written, or what is written makes other images.
    """
    source = source_of(model).encode()
    name = f"{type(model).__name__.lower()}_{hashlib.sha256(source).hexdigest()[:12]}"
    file = _folder() / f"{name}.py"
    write_atomically(file, source)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise NoCallError(f"{file} can't be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of what torch.fx writes
        raise NoCallError(f"it can't be traced: {first_line(error)}") from error
    _refuse_other(getattr(module, NETWORK), {}, model)
    sys.modules[name] = module
    return name


def _start(model: nn.Module, weights: str | Path | Mapping[str, Tensor]) -> str:
    return _file(model.state_dict() if weights == "module" else weights, "weights")


def _file(weights: str | Path | Mapping[str, Tensor], field: str) -> str:
    """What ``weights`` of a spec says: a file, which weights in memory are written to."""
    if isinstance(weights, str | Path):
        return str(weights)
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError("a state dict must have tensors only", f"open_module: {field}")
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in weights.items()}
    content = safetensors.torch.save(tensors)
    file = _folder() / f"{hashlib.sha256(content).hexdigest()[:32]}.safetensors"
    if not file.exists():
        write_atomically(file, content)
    return str(file)


def _folder() -> Path:
    """Where code and weights stand until a run keeps its copy."""
    folder = cache_folder() / "modules"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
