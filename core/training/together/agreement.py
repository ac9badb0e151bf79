"""Whether the processes that train one network together still have the same one."""

import hashlib

import torch
from torch import Tensor, nn

from qnas.core.errors import QnasError
from qnas.core.ranks import gathered, world

_SHOWN = 3


def refuse_parted(network: nn.Module, step: int) -> None:
    """Refuse to go on with networks that are no longer the same in all processes.

    Args:
        network: This process's.
        step: How far the training is.

    Raises:
        QnasError: It says which tensors differ, in which process.
    """
    if world().size == 1:
        return
    first, *others = gathered(_digests(network))
    for rank, digests in enumerate(others, 1):
        parted = [name for name, digest in digests.items() if digest != first.get(name)]
        if parted:
            names = ", ".join(parted[:_SHOWN]) + (f" and {len(parted) - _SHOWN} more" * (len(parted) > _SHOWN))
            raise QnasError(
                f"after step {step}, process {rank} no longer has the network of process 0: {names} differ; all must be"
                " on processors of one kind, and no layer may keep what it measures in its share of a batch"
            )


def _digests(network: nn.Module) -> dict[str, str]:
    return {name: _digest(tensor) for name, tensor in network.state_dict().items()}


def _digest(tensor: Tensor) -> str:
    values = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.blake2b(values.view(torch.uint8).numpy().tobytes(), digest_size=16).hexdigest()
