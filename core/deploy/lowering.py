"""Lowering: a found network in PyTorch's own quantized form, which every target reads."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.fx import GraphModule

from qnas.core.components import Unquantized
from qnas.core.deploy.integers import IntegerActivation, IntegerConv2d
from qnas.core.deploy.interpolation import ByConvolution
from qnas.core.deploy.quiet import quiet
from qnas.core.errors import InputError, first_line, place_of
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.probing.smallest import refusal
from qnas.core.settings.lr_sizes import Size, how_to_name

_EXAMPLE: Size = (64, 72)  # large enough for every attention of ours
INPUT, OUTPUT = "lr", "sr"


class Lowered(NamedTuple):
    """A network in PyTorch's own quantized form.

    Attributes:
        program: From (1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale).
        size: Height and width that it takes, None for any.
        integer: How many convolutions compute on integers.
        total: How many convolutions there are.
    """

    program: ExportedProgram
    size: Size | None
    integer: int
    total: int

    @property
    def smallest(self) -> list[int]:
        """The smallest height and width that it takes."""
        return [self._least(side) for side in _sides(self.program)]

    def _least(self, side: int | torch.SymInt) -> int:
        if not isinstance(side, torch.SymInt):
            return side
        return int(self.program.range_constraints[side.node.expr].lower)


def lower(network: nn.Module, size: Size | None = None) -> Lowered:
    """Lower a found network.

    Args:
        network: In evaluation mode; it is left as it is.
        size: Height and width of the images, None for any.

    Raises:
        InputError: Something in it has no integer form, nothing in it is quantized, or it can't be captured; the
            message says where.
    """
    lowered = with_integers(network)
    convolutions = [module for module in lowered.modules() if isinstance(module, nn.Conv2d | IntegerConv2d)]
    integer = sum(isinstance(module, IntegerConv2d) for module in convolutions)
    if not integer:
        raise InputError("the network is in float: there are no integers to export")
    return Lowered(capture(lowered, size), size, integer, len(convolutions))


def with_integers(network: nn.Module) -> nn.Module:
    """A copy of a found network whose quantized layers hold the integers of their grids.

    Raises:
        InputError: A grid has no integer form; the message says where.
    """
    lowered = copy.deepcopy(network).eval().cpu()
    for path, module in list(lowered.named_modules(remove_duplicate=False)):
        try:
            integer = _with_integers(module)
        except InputError as error:
            raise InputError(f"'{path}' has no integer form: {error}") from None
        if integer is not None:
            lowered.set_submodule(path, integer)
    return lowered.requires_grad_(False)


def _with_integers(module: nn.Module) -> nn.Module | None:
    if isinstance(module, QuantizedConv2d) and not isinstance(module.weight_quantizer, Unquantized):
        return IntegerConv2d(module)
    if isinstance(module, QuantizedActivation) and not isinstance(module.quantizer, Unquantized):
        return IntegerActivation(module)
    return None


class _Named(nn.Module):
    """A network whose input has the name that files give it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lr: Tensor) -> Tensor:
        """(1, 3, H, W) to (1, 3, H * scale, W * scale)."""
        result: Tensor = self.network(lr)
        return result


@torch.no_grad()
def capture(network: nn.Module, size: Size | None) -> ExportedProgram:
    """What a network on the CPU does to images of a size, or of any.

    Raises:
        InputError: PyTorch can't capture it, or it takes no images of that size or of any.
    """
    example = (torch.rand(1, 3, *(size or _EXAMPLE)),)
    shapes = None if size else ({2: Dim.AUTO, 3: Dim.AUTO},)
    try:
        with quiet(), ByConvolution():
            program = export(_Named(network), example, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # third-party networks fail with anything
        if size is not None:
            refuse_unfit_size(network, size)
        said = f"{first_line(error)}{place_of(error)}"
        raise InputError(f"torch.export can't capture the network: {said}") from error
    if size is None:
        _refuse_fixed(program)
    _forget_sources(program)
    return program


def refuse_unfit_size(network: nn.Module, size: Size) -> None:
    """Refuse a size of images that a network on the CPU can't take: it is tried.

    Raises:
        InputError: The message says how large they must be, or what the network raises.
    """
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, *size))
    except Exception as error:  # a network may refuse an image with anything
        raise InputError(refusal(network, size, torch.device("cpu"), error)) from error


def _forget_sources(program: ExportedProgram) -> None:
    """Take out the lines of code that PyTorch notes in every node, since they name the paths of this machine."""
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)


def _refuse_fixed(program: ExportedProgram) -> None:
    """Refuse a network that takes only some sizes, such as the multiples of a number: it is tried on an odd one."""
    try:
        program.module()(torch.rand(1, 3, *(side + 1 for side in _EXAMPLE)))
    except Exception as error:  # whatever PyTorch asserts
        raise InputError(f"the network can't take images of every size: name one ({how_to_name()})") from error


def _sides(program: ExportedProgram) -> "list[int | torch.SymInt]":
    """Height and width of the input."""
    return list(program.graph_module.graph.find_nodes(op="placeholder")[-1].meta["val"].shape[2:])
