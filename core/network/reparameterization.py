"""Networks whose convolutions are trained with branches, and what they are once these are fused."""

from torch import Tensor, nn

from qnas.core.network.convolution import SlotConv2d


def grow_branches(network: nn.Module) -> None:
    """Give the convolutions of ``network`` the branches that they are to be trained with.

    A convolution that has been given weights keeps its kernel: its own weights take up what the branches add. A fresh
    one starts with all of them added up, as published.
    """
    for module in network.modules():
        if isinstance(module, SlotConv2d):
            module.grow()


def fuse_branches(network: nn.Module) -> None:
    """Make the convolutions of ``network`` plain again, each with the kernel and the bias that it has run with."""
    for module in network.modules():
        if isinstance(module, SlotConv2d):
            module.fuse()


def fused_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict that ``network`` would have with its branches fused."""
    state: dict[str, Tensor] = network.state_dict()
    for path, module in network.named_modules(remove_duplicate=False):
        if isinstance(module, SlotConv2d) and module.branches is not None:
            fused = {"weight": module.kernel(), "bias": module.offset()}
            state |= {f"{path}.{name}": value.detach() for name, value in fused.items() if value is not None}
            state = {name: value for name, value in state.items() if not name.startswith(f"{path}.branches.")}
    return state
