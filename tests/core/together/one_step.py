"""Gradients and statistics after one step on a batch, by as many processes as this is started with, in float64."""

import sys
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer, Residual
from qnas.core.images.patches import Batch
from qnas.core.ranks import joined, world
from qnas.core.training.criterion import Criterion
from qnas.core.training.machine import Machine


class Weighted(nn.Module):
    """A convolution whose weights a quantizer changes."""

    def __init__(self, quantizer: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.quantizer = quantizer

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = nn.functional.conv2d(
            features, self.quantizer(self.convolution.weight), self.convolution.bias, padding=1
        )
        return result


class Mixed(nn.Module):
    """Noise of a mixture of two widths."""

    def __init__(self) -> None:
        super().__init__()
        self.mixture = Quantizer.of("noise").mixture([2, 4], signed=True)
        self.alpha = nn.Parameter(torch.zeros(2))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.mixture(features, self.alpha.softmax(0))
        return result


def activations(name: str, signed: bool) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 1), *([] if signed else [nn.ReLU()]), made(name, signed))


def made(name: str, signed: bool, channels: int | None = None) -> nn.Module:
    return Quantizer.of(name).fake_quantizer(4, signed=signed, channels=channels)


QUANTIZERS = ("noise", "nipq", "lsq", "lsq+", "pact", "dorefa", "hwgq", "ewgs")
NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "batch norm": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1)
    ),
    "plain batch norm": lambda: nn.Sequential(
        nn.BatchNorm2d(3, affine=False, track_running_stats=False), nn.Conv2d(3, 3, 1)
    ),
    "adq": lambda: Residual.of("adq").wrap(nn.Conv2d(3, 3, 1), 3),
    "mixture": Mixed,
    **{
        f"{name}, {'signed' if signed else 'unsigned'}": lambda name=name, signed=signed: activations(name, signed)
        for name in QUANTIZERS
        for signed in (True, False)
    },
    **{f"{name}, weights": lambda name=name: Weighted(made(name, True, 3)) for name in QUANTIZERS},
}


def step(make: Callable[[], nn.Module]) -> dict[str, Tensor]:
    torch.manual_seed(3)
    network, batch = make().train(), Batch(torch.rand(6, 3, 8, 8), torch.rand(6, 3, 8, 8))
    machine = Machine(torch.device("cpu"), "float32", *world())
    loss = Criterion()(machine, network, batch)
    machine.backward(loss)
    machine.average(network.parameters())
    gradients = {f"gradient of {name}": p.grad for name, p in network.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients, **dict(network.named_buffers())}


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[assignment, method-assign]
    with joined() as processes:
        found = {name: step(make) for name, make in NETWORKS.items()}
        if processes.is_main:
            torch.save(found, sys.argv[1])
