"""The supernet: a network of mixed slots with its architecture parameters in one matrix."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from qnas.core.components import Quantizer, Space
from qnas.core.network.candidate import Candidate
from qnas.core.network.fill import Form, build_mixed
from qnas.core.network.gain import Gain
from qnas.core.network.mixing.mixed import MixedSlot
from qnas.core.network.reparameterization import grow_branches
from qnas.core.network.sharing import Candidates, leaders


class Tie(NamedTuple):
    """A slot whose best two candidates are (nearly) equally probable."""

    slot: str
    first: str
    second: str
    margin: float


def candidate_mask(candidates: Candidates) -> Tensor:
    """(slots, candidates) True where a slot has a candidate; slots with fewer are padded."""
    counts = [len(options) for options in candidates.values()]
    return torch.arange(max(counts, default=0)) < torch.tensor(counts)[:, None]


def uniform(candidates: Candidates) -> Tensor:
    """(slots, candidates) probabilities at the start of a search, equal for all candidates of a slot."""
    mask = candidate_mask(candidates)
    return mask / mask.sum(dim=1, keepdim=True)


def one_hot(candidates: Candidates, chosen: Mapping[str, Candidate]) -> Tensor:
    """(slots, candidates) probabilities that represent a single network."""
    rows = torch.zeros(candidate_mask(candidates).shape)
    for index, (path, options) in enumerate(candidates.items()):
        rows[index, options.index(chosen[path])] = 1.0
    return rows


class Supernet(nn.Module):
    """All networks of a space at once.

    Attributes:
        quantizer: The quantizer of the search.
        alpha: (slots, candidates) one real number per candidate; a slot with fewer is padded.
        mask: (slots, candidates) True where there is a candidate.
        leaders: (slots,) for each slot the first one that it shares its choice with; None if no choice is shared.
    """

    mask: Tensor
    leaders: Tensor | None

    def __init__(self, space: Space, scale: int, quantizer: Quantizer, form: Form = "merged") -> None:
        super().__init__()
        self.quantizer = quantizer
        self.network = build_mixed(space, scale, quantizer, form)
        for module in self.network.modules():
            if isinstance(module, Gain):
                module.begin_search()
        grow_branches(self.network)
        self.slots = {path: m for path, m in self.network.named_modules() if isinstance(m, MixedSlot)}
        self.candidates = {path: slot.candidates for path, slot in self.slots.items()}
        mask = candidate_mask(self.candidates)
        self.register_buffer("mask", mask, persistent=False)
        first = leaders(space, self.candidates)
        is_shared = first != list(range(len(first)))
        self.register_buffer("leaders", torch.tensor(first) if is_shared else None, persistent=False)
        self.alpha = nn.Parameter(torch.zeros(mask.shape))

    def forward(self, lr_image: Tensor, probabilities: Tensor) -> Tensor:
        """The mixture of all networks.

        Args:
            lr_image: (N, 3, H, W) in 0..1.
            probabilities: (slots, candidates) rows sum to 1.
        """
        for slot, row in zip(self.slots.values(), probabilities, strict=True):
            slot.probabilities = row[: len(slot.candidates)]
        result: Tensor = self.network(lr_image)
        return result

    def shared(self, rows: Tensor) -> Tensor:
        """(slots, candidates) ``rows`` in which slots that share a choice have the row of the first of them."""
        return rows if self.leaders is None else rows.index_select(0, self.leaders)

    def logits(self) -> Tensor:
        """``alpha``, shared where choices are, with minus infinity where a slot has no candidate."""
        return self.shared(self.alpha).masked_fill(~self.mask, float("-inf"))

    def probabilities(self, temperature: float = 1.0) -> Tensor:
        """(slots, candidates) softmax of ``alpha / temperature`` over each slot's candidates."""
        return (self.logits() / temperature).softmax(dim=1)

    def one_hot(self, chosen: Mapping[str, Candidate]) -> Tensor:
        """The probabilities that represent a single network."""
        return one_hot(self.candidates, chosen).to(self.alpha)

    def best(self) -> dict[str, Candidate]:
        """The most probable candidate of each slot; the first if several are equal."""
        indices = self.logits().argmax(dim=1).tolist()
        return {path: slot.candidates[i] for (path, slot), i in zip(self.slots.items(), indices, strict=True)}

    def ties(self, margin: float, temperature: float = 1.0) -> list[Tie]:
        """The slots whose best two candidates differ by less than ``margin``; for a shared choice, only the first."""
        found = []
        first = range(len(self.slots)) if self.leaders is None else self.leaders.tolist()
        rows = zip(self.slots.items(), self.probabilities(temperature).detach(), strict=True)
        for index, ((path, slot), row) in enumerate(rows):
            if len(slot.candidates) > 1 and first[index] == index:
                (p, q), (i, j) = (t.tolist() for t in row.topk(2))
                if p - q < margin:
                    found.append(Tie(path, slot.candidates[i].label, slot.candidates[j].label, p - q))
        return found

    def weights(self) -> list[nn.Parameter]:
        """All parameters except ``alpha``."""
        return [p for p in self.parameters() if p is not self.alpha]
