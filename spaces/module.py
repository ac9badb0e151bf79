"""The space of a network that was written elsewhere: any ``nn.Module`` by its import path."""

import contextlib
import difflib
import functools
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field, PositiveInt
from torch import Tensor, nn

from qnas.core.components import FrozenDict, Space
from qnas.core.errors import InputError, QnasError, from_field
from qnas.core.network import Survey, open_slots, survey
from qnas.spaces.checkpoint import load_checkpoint

_ROLE = "convolution"
_EVEN = (32, 32)
_ODD = (37, 45)


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        return FrozenDict({key: _freeze(inner) for key, inner in value.items()})
    return tuple(map(_freeze, value)) if isinstance(value, list | tuple) else value


def _target(value: str) -> str:
    module, colon, name = value.partition(":")
    if not (colon and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))):
        raise ValueError("must be an import path such as my_package.nets:MyNetwork")
    return value


Arguments = Annotated[dict[str, Any], AfterValidator(_freeze)]
Target = Annotated[str, AfterValidator(_target)]


class ModuleSpace(Space):
    """The convolutions of any network as slots, with the convolution that stood there as the native operation.

    The network takes (N, 3, H, W), RGB in 0..1, and gives (N, 3, H * scale, W * scale). Convolutions of any kernel,
    padding, dilation, groups, bias and padding mode are opened; transposed ones are left alone, in float. An argument
    that is itself to be made by calling something is a mapping of ``target`` and ``arguments``.

    Attributes:
        target: What to call to make the network, as ``package.module:Name``: of an installed package, or of a Python
            file in the current folder.
        arguments: The keyword arguments that it is called with.
        scale_argument: The argument that is given the scale; ``config.upscale`` is that of an argument's target.
        output: The attribute of its result that is the image, for a network that returns more.
        multiple: What height and width must be a multiple of, for a network that takes no others: what it is given is
            padded at the bottom and on the right with the last pixels, and the result is cropped.
        open: Patterns of the convolutions to open, as in ``slots``; the others stay as they are, in float.
        weights: What the native operations start from: ``fresh``, the ``module``'s own weights as it was made, or a
            file of them (safetensors, or PyTorch's state dict). Layers that are no slots always start from the
            module's own, or from the file.
    """

    defaults: ClassVar[Mapping[str, tuple[str, ...]]] = {_ROLE: ("native",)}

    target: Target
    arguments: Arguments = {}
    scale_argument: str = ""
    output: str = ""
    multiple: PositiveInt = 1
    open: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    weights: Literal["fresh", "module"] | Path = "fresh"

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        with _on_cpu_if_meta() as to_device:
            network = to_device(self._make(scale))
        return open_slots(network, _surveyed(self, scale).signed, _ROLE, keep_weights=self.weights != "fresh")

    def notices(self, scale: int) -> Sequence[str]:
        """See :meth:`qnas.Space.notices`."""
        return [f"'{path}' is left alone, in float: {why}" for path, why in _surveyed(self, scale).left.items()]

    def _make(self, scale: int) -> nn.Module:
        with from_field("scale_argument"):
            arguments = _with_scale(_thaw(self.arguments), self.scale_argument, scale)
        network = _call(self.target, arguments)
        if not isinstance(network, nn.Module):
            with from_field("target"):
                raise InputError(f"{self.target} gives no nn.Module (but: {type(network).__name__})")
        if isinstance(self.weights, Path):
            with from_field("weights"):
                load_checkpoint(network, self.weights)
        if self.output:
            network.register_forward_hook(functools.partial(_take, self.output))
        if self.multiple > 1:
            padding = _Padding(self.multiple, scale)
            network.register_forward_pre_hook(padding.pad)
            network.register_forward_hook(padding.crop)
        return network


@functools.lru_cache(maxsize=16)
def _surveyed(space: ModuleSpace, scale: int) -> Survey:
    """What is known of the space's network.

    Raises:
        InputError: The network does not take an image, does not enlarge it by ``scale``, or has nothing to open.
    """
    with torch.device("meta"), _on_cpu_if_meta() as to_device:
        network = to_device(space._make(scale))
    with from_field("target"):
        found = _survey(space, network, scale, _EVEN)
    with from_field("multiple"):
        _survey(space, network, scale, _ODD)
    if not found.signed:
        with from_field("open"):
            raise InputError(f"no convolution of {space.target} that can be opened matches {', '.join(space.open)}")
    return found


def _survey(space: ModuleSpace, network: nn.Module, scale: int, size: tuple[int, int]) -> Survey:
    height, width = size
    try:
        found = survey(network, space.open, size)
    except QnasError:
        raise
    except Exception as error:  # a stranger's network may raise anything
        raise InputError(f"{space.target} can't run on an image of {height} x {width}: {_line(error)}") from error
    wanted = (1, 3, height * scale, width * scale)
    if found.output != wanted:
        raise InputError(f"{space.target} makes {found.output} of an image of (1, 3, {height}, {width}), not {wanted}")
    return found


@contextlib.contextmanager
def _on_cpu_if_meta() -> Any:
    """Where the network is to be made without values, make it with values, and take these away afterwards.

    Many constructors compute with values; those of the random generator are given back.
    """
    if not torch.empty(0).is_meta:
        yield lambda network: network
        return
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        yield lambda network: network.to("meta")


def _call(target: str, arguments: Mapping[str, Any]) -> Any:
    with from_field("target"):
        maker = _import(target)
    made = {key: _made(value) for key, value in arguments.items()}
    try:
        return maker(**made)
    except Exception as error:  # a stranger's constructor may raise anything
        with from_field("arguments"):
            raise InputError(f"{target} can't be made of these arguments: {_line(error)}") from error


def _made(value: Any) -> Any:
    """An argument, called into being where it is a target."""
    if isinstance(value, dict) and "target" in value:
        return _call(value["target"], value.get("arguments", {}))
    return value


def _import(target: str) -> Callable[..., Any]:
    module_name, _, name = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module_name)
        for part in name.split("."):
            names, found = dir(found), getattr(found, part, None)
            if found is None:
                near = difflib.get_close_matches(part, names, n=1)
                raise InputError(f"{module_name} has no {name}" + (f"; did you mean {near[0]}?" if near else ""))
    except InputError:
        raise
    except Exception as error:  # a stranger's module may raise anything at import
        raise InputError(f"can't import {module_name}: {_line(error)}") from error
    if not callable(found):
        raise InputError(f"{target} can't be called")
    maker: Callable[..., Any] = found
    return maker


def _with_scale(arguments: dict[str, Any], path: str, scale: int) -> dict[str, Any]:
    """``arguments`` with the scale at ``path``."""
    if not path:
        return arguments
    first, _, rest = path.partition(".")
    if not rest:
        return {**arguments, first: scale}
    inner = arguments.get(first)
    if not (isinstance(inner, dict) and "target" in inner):
        raise InputError(f"scale_argument is '{path}', but '{first}' is no argument with a target")
    return {**arguments, first: {**inner, "arguments": _with_scale(inner.get("arguments", {}), rest, scale)}}


def _thaw(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thaw(inner) for key, inner in value.items()}
    return [_thaw(inner) for inner in value] if isinstance(value, tuple) else value


def _take(name: str, _: nn.Module, __: Any, result: Any) -> Tensor:
    taken = result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)
    if not isinstance(taken, Tensor):
        raise InputError(f"the network's result, a {type(result).__name__}, has no image '{name}'")
    return taken


class _Padding:
    """Pads what a network is given to a multiple, and crops what it returns."""

    def __init__(self, multiple: int, scale: int) -> None:
        self.multiple = multiple
        self.scale = scale
        self.size = (0, 0)

    def pad(self, _: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The hook before the network."""
        image, *others = given
        self.size = (image.shape[-2], image.shape[-1])
        below, right = (-extent % self.multiple for extent in self.size)
        return (F.pad(image, (0, right, 0, below), mode="replicate"), *others)

    def crop(self, _: nn.Module, __: Any, result: Tensor) -> Tensor:
        """The hook behind the network."""
        return result[..., : self.size[0] * self.scale, : self.size[1] * self.scale]


def _line(error: Exception) -> str:
    """The first line of an error, or its name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
