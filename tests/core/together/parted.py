"""A training whose processes have other weights."""

import torch
from torch import nn

from qnas.core.errors import QnasError
from qnas.core.ranks import joined
from qnas.core.training.together.agreement import refuse_parted

if __name__ == "__main__":
    network = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(3)))
    torch.nn.init.zeros_(network[1].weight)
    for module in (network[0], network[2]):
        module.load_state_dict({name: torch.ones_like(value) for name, value in module.state_dict().items()})
    with joined() as processes:
        torch.nn.init.constant_(network[1].bias, processes.rank // 2)
        try:
            refuse_parted(network, 7)
        except QnasError as error:
            if processes.is_main:
                print(error)
