"""Divergence: when a loss or a weight is not finite, and what the cause may be."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from qnas.core.components import FakeQuantizer
from qnas.core.errors import QnasError
from qnas.core.training.machine import Precision


class Diverged(QnasError):  # noqa: N818 - as one says it
    """A loss, a weight or a statistic of a network in training is not a finite number.

    Attributes:
        step: The step where it was noticed.
    """

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


def refuse_diverged(
    losses: Sequence[Tensor], step: int, network: nn.Module, precision: Precision, penalties: Sequence[Tensor] = ()
) -> None:
    """Check that losses, weights and statistics are finite. It waits for the device, once.

    Args:
        losses: The losses of the last steps.
        step: The last of these steps.
        network: The network that is trained.
        precision: Of convolutions.
        penalties: The penalties of the last steps that had any.

    Raises:
        Diverged: They are not; the message says since which step, and what the cause may be.
    """
    learned = [*_parameters(network).values(), *_kept(network).values()]
    ends = [*(tensor.abs().amax() for tensor in learned), *losses]
    if not ends or bool(torch.stack([end.float() for end in ends]).isfinite().all()):
        return
    since = _first(losses)
    if since is None:
        what = "weights" if _broken(_parameters(network)) else "statistics that the network keeps"
        raise Diverged(f"the {what} are not finite after step {step}: {_advice(network, precision)}", step)
    value, index = losses[since], step - len(losses) + since + 1
    # If the network had broken first, the loss would have shown it before the penalties did.
    penalised = _first(penalties)
    if penalised is not None and len(penalties) - penalised >= len(losses) - since:
        advice = "a penalty of the regularizers was the first value that was not finite, so look at these"
    else:
        advice = _advice(network, precision)
    raise Diverged(f"the loss is {float(value)} at step {index}: {advice}", index)


def _first(values: Sequence[Tensor]) -> int | None:
    """The index of the first value that is not finite, None if all are."""
    return next((index for index, value in enumerate(values) if not bool(value.isfinite())), None)


def _advice(network: nn.Module, precision: Precision) -> str:
    parameters = _parameters(network)
    broken = _broken(parameters)
    # If all parameters are broken, there is no telling which was first. Statistics break after the parameters whose
    # features they measure.
    names = broken if len(broken) < len(parameters) else []
    if not broken:
        names = _broken(_kept(network))
    advice = "lower the learning rate" + (" or set precision to float32" if precision != "float32" else "")
    return f"it began at {_described(names[0], network)}; {advice}" if names else advice


def _parameters(network: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in network.named_parameters() if p.numel()}


def _kept(network: nn.Module) -> dict[str, Tensor]:
    """The rest of the network's state: running statistics, measured scales."""
    state = network.state_dict()
    buffers = {name: buffer for name, buffer in network.named_buffers() if name in state}
    return {name: buffer for name, buffer in buffers.items() if buffer.is_floating_point() and buffer.numel()}


def _broken(tensors: Mapping[str, Tensor]) -> list[str]:
    return [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]


def _described(name: str, network: nn.Module) -> str:
    owner, _, parameter = name.rpartition(".")
    is_quantizer = isinstance(network.get_submodule(owner), FakeQuantizer)
    return f"{parameter} of the quantizer {owner}" if is_quantizer else name
