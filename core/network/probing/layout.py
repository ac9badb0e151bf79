"""The memory layout of images and kernels for a third-party network.

Convolutions are fastest channels last, so images and kernels have that layout. A network that views channels and pixels
as one dimension, by ``view(n * c, 1, h, w)`` for instance, needs them contiguous: channels first.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qnas.core.network.probing.devices import made_on_cpu
from qnas.core.network.probing.seeds import seed_everything
from qnas.core.network.probing.self_comparison import Outputs, are_same, outputs, settled_state

_SHAPE = (2, 3, 32, 32)
_ROUNDING = 1e-3  # of the largest value: another layout changes the order of sums


class Entrance:
    """A hook before a third-party network that passes it a copy of the image, which it may change.

    Args:
        is_contiguous: Whether the image must be contiguous.
    """

    def __init__(self, is_contiguous: bool) -> None:
        self.is_contiguous = is_contiguous

    def __call__(self, _: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The hook that runs before the network."""
        image, *others = given
        layout = torch.contiguous_format if self.is_contiguous else torch.preserve_format
        return (image.clone(memory_format=layout), *others)


def is_contiguous_only(network: nn.Module) -> bool:
    """Whether an :class:`Entrance` says that ``network``, or a part of it, needs contiguous images and kernels."""
    hooks = (hook for module in network.modules() for hook in module._forward_pre_hooks.values())
    return any(isinstance(hook, Entrance) and hook.is_contiguous for hook in hooks)


def needs_contiguous(make: Callable[[], nn.Module]) -> bool:
    """Whether the network runs on contiguous images, but fails or gives other values channels last."""
    with made_on_cpu():
        seed_everything(0)
        try:
            network, image = make(), torch.rand(_SHAPE)
            usual = _run(network, image)
        except Exception:  # it runs in no layout, which the trial reports
            return False
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        try:
            return not are_same(usual, _run(network, image.to(memory_format=torch.channels_last)), _ROUNDING)
        except Exception:
            return True


def _run(network: nn.Module, image: Tensor) -> Outputs:
    """The network's outputs in both modes; also runs a backward pass."""
    cases = [("evaluation", image[:1]), ("training", image)]
    made = outputs(network, settled_state(network, "it"), cases, "it")
    seed_everything(0)
    network(image.clone()).float().mean().backward()
    return made
