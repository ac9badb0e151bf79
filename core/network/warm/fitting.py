"""Fits one operation to the inputs and outputs of the convolution that stood in its slot."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from qnas.core.components import Operation, SlotShape
from qnas.core.errors import QnasError
from qnas.core.network.convolution import SlotConv2d, outlet
from qnas.core.network.mixing.kernel import KernelMerger
from qnas.core.network.warm.least_squares import fit_convolution

_STEPS = 100
_RATE = 3e-3
_PIXELS = 2**13  # of a step
EXACT = 1e-9  # the share of the outputs' variance that is rounding


def fit_operation(
    operation: Operation, module: nn.Module, slot: SlotShape, native: SlotConv2d, inputs: Tensor, outputs: Tensor
) -> None:
    """Bring a float operation as close to a convolution as it comes.

    A convolution gets the part of the kernel that it has room for, which may be all of it; what it lacks is made up for
    by least squares. Others begin where :meth:`Operation.start_from` says, and are fitted by gradient, then their last
    convolution by least squares.

    Args:
        operation: What built ``module``.
        module: Is changed, and left in evaluation mode; it stands behind the slot's activation.
        slot: Its slot.
        native: What stood there.
        inputs: (N, C_in, H, W) that it reads, which need not be what ``native`` has read.
        outputs: (N, C_out, H / stride, W / stride) that ``native`` has made.

    Raises:
        QnasError: The kernels of ``start_from`` are of other shapes.
    """
    module.eval()
    if isinstance(module, SlotConv2d):
        if not _embed(native, module):
            fit_convolution(module, inputs, outputs)
        return
    _begin(operation, module, native, slot)
    _fit_outlet(module, inputs, outputs)
    error = share_of_error(module, inputs, outputs)
    if error > EXACT and any(True for _ in module.parameters()):
        kept = {name: value.clone() for name, value in module.state_dict().items()}
        _fit_by_gradient(module, inputs, outputs)
        _fit_outlet(module, inputs, outputs)
        if not share_of_error(module, inputs, outputs) < error:
            module.load_state_dict(kept)


@torch.no_grad()
def _embed(native: SlotConv2d, into: SlotConv2d) -> bool:
    """Copy the kernel, as far as there is room for it, and the bias; whether there was room for all of it."""
    merger = KernelMerger([native, into])
    whole = merger.merge([native.weight, into.weight], native.weight.new_tensor([1, 0]))
    into.weight.copy_(merger.places(whole)[1].reshape(into.weight.shape))
    if native.bias is not None and into.bias is not None:
        into.bias.copy_(native.bias)
    left = merger.merge([native.weight, into.weight], native.weight.new_tensor([1, -1]))
    return not left.any() and (native.bias is None or into.bias is not None)


@torch.no_grad()
def _begin(operation: Operation, module: nn.Module, native: SlotConv2d, slot: SlotShape) -> None:
    kernels = operation.start_from(_dense(native), slot)
    convolutions = [part for part in module.modules() if isinstance(part, SlotConv2d)]
    wanted = [tuple(convolution.weight.shape) for convolution in convolutions]
    if kernels and [tuple(kernel.shape) for kernel in kernels] != wanted:
        given = [tuple(kernel.shape) for kernel in kernels]
        raise QnasError(
            f"start_from of '{operation.known_as}' returns kernels of {given}, its convolutions have {wanted}"
        )
    for convolution, kernel in zip(convolutions, kernels, strict=False):
        convolution.weight.copy_(kernel)


def _dense(native: SlotConv2d) -> Tensor:
    """The kernel with all that its dilation and groups leave out as zeros: (C_out, C_in, K_h, K_w)."""
    merger = KernelMerger([native])
    kernel = merger.merge([native.weight], native.weight.new_ones(1)).detach()
    blocks = kernel.unflatten(0, (native.groups, -1)).movedim(0, -1).diag_embed(dim1=0, dim2=2)
    dense: Tensor = blocks.flatten(2, 3).flatten(0, 1)
    return dense


def _fit_by_gradient(module: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
    optimizer = torch.optim.Adam(module.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    variance = outputs.var()
    batches = _batches(inputs, outputs)
    with torch.enable_grad():
        module.train()
        for _ in range(_STEPS):
            given, wanted = next(batches)
            loss = (module(given) - wanted).square().mean() / variance
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    module.eval()


def _batches(inputs: Tensor, outputs: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """All images, some at a time, again and again."""
    images = max(1, _PIXELS // outputs[0, 0].numel())
    while True:
        yield from zip(inputs.split(images), outputs.split(images), strict=True)


def _fit_outlet(module: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
    """Fit the convolution that gives the operation's output, where there is one."""
    last = outlet(module)
    if last is None:
        return
    read: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    _run(module, inputs)
    handle.remove()
    fit_convolution(last, torch.cat(read), outputs)


@torch.no_grad()
def _run(module: nn.Module, inputs: Tensor) -> Tensor:
    return torch.cat([module(image) for image in inputs.split(1)])


def share_of_error(module: nn.Module, inputs: Tensor, outputs: Tensor) -> float:
    """The mean squared error of what ``module`` makes of ``inputs``, as a share of the variance of ``outputs``."""
    left = (_run(module, inputs) - outputs).cpu().double().square().mean()
    spread = outputs.cpu().double().var((0, 2, 3), correction=0).mean()
    return float(left / spread) if spread > 0 else float(left)
