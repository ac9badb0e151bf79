"""What a searcher works with: the task it is given and the outcome that it returns."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from qnas.core.components import Cost, Quantizer, Regularizer, Space
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import Batch, PatchSampler
from qnas.core.images.settings import Augment
from qnas.core.network import (
    LR_SIZE,
    Architecture,
    Candidate,
    CostTable,
    SpaceCount,
    Supernet,
    Tie,
    ancestors,
    build_found,
    count_space,
    inherit_weights,
)
from qnas.core.network.calibration import calibrate
from qnas.core.network.statistics import reestimate
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Precision, autocast
from qnas.core.upscale.scoring import validate

_STATISTICS = 4  # what batches are drawn for


@dataclass(frozen=True)
class SearchImages:
    """The training images of a search: two halves to draw from, and some held out to validate on."""

    weights: Sequence[ImagePair]
    architecture: Sequence[ImagePair]
    validation: Sequence[ImagePair]


@dataclass(frozen=True)
class SearchTask:
    """All that a searcher needs.

    Attributes:
        space: Where to search.
        scale: The factor of super-resolution.
        search_quantizer: Stands for quantization while searching.
        train_quantizer: Quantizes the found network.
        regularizers: Penalties on the architecture.
        images: To learn and to validate on.
        patch: Size of an LR patch.
        augment: Whether patches are flipped and turned; ``flips`` leaves out the turns.
        device: Where to compute.
        precision: Of convolutions.
        seed: Decides every random number.
        journal: Where to report.
        checkpoints: Where to keep the state, to go on from it when the run is resumed.
    """

    space: Space
    scale: int
    search_quantizer: Quantizer
    train_quantizer: Quantizer
    regularizers: Mapping[str, Regularizer]
    images: SearchImages
    patch: int
    augment: Augment
    device: torch.device
    precision: Precision
    seed: int
    journal: Journal
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    @cached_property
    def prices(self) -> "Prices":
        """What the candidates cost."""
        return Prices(count_space(self.space, self.scale, self.train_quantizer, LR_SIZE), self.device)

    def sampler(self, pairs: Sequence[ImagePair], batch: int, purpose: int) -> PatchSampler:
        """Batches of patches of these images; ``purpose`` tells streams of random numbers apart."""
        return PatchSampler(
            pairs,
            self.scale,
            self.patch,
            batch,
            augment=self.augment,
            seed=(self.seed, purpose),
            device=self.device,
        )

    def expected_bitops(self, probabilities: Tensor) -> Tensor:
        """The expected BitOps at (slots, candidates) probabilities, on an LR image of 32 x 32."""
        return self.prices[Cost.of("bitops")].expected(probabilities)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context that training runs in."""
        return autocast(self.device, self.precision)

    def derive(self, supernet: Supernet, chosen: Mapping[str, Candidate], batch: Batch) -> nn.Module:
        """The found network with the supernet's weights, ready to be judged.

        Its running statistics are estimated anew, over the same batches of the training images every time, then its
        quantizers are set up by ``batch``.
        """
        images = [*self.images.weights, *self.images.architecture]
        draw = self.sampler(images, len(batch.lr), purpose=_STATISTICS).draw
        return derive(self.space, self.scale, chosen, supernet, self.train_quantizer, batch, draw)

    def validate(self, network: nn.Module) -> tuple[float, float]:
        """PSNR on Y in dB and absolute error of a network on the held-out images."""
        return validate(network.eval(), self.images.validation, self.scale, self.device)

    def architecture(self, chosen: Mapping[str, Candidate]) -> Architecture:
        """The architecture that has these candidates."""
        return Architecture.from_candidates(self.space, self.scale, chosen)


def derive(
    space: Space,
    scale: int,
    chosen: Mapping[str, Candidate],
    supernet: Supernet,
    quantizer: Quantizer,
    batch: Batch,
    draw: Callable[[], Batch],
) -> nn.Module:
    """The network of these candidates with what the supernet learned, in evaluation mode.

    Its running statistics are its own, for those of the supernet are of the mixture; then it is calibrated.

    Args:
        space: Where it was found.
        scale: The factor of super-resolution.
        chosen: What it holds.
        supernet: What it takes its weights from.
        quantizer: Quantizes it.
        batch: What it is calibrated on.
        draw: The next of the batches that its statistics are estimated on; not called if it has none.
    """
    network = build_found(space, scale, chosen, quantizer).to(batch.lr.device)
    inherit_weights(network, supernet.network, chosen)
    before = ancestors(network, supernet.network, chosen)

    def set_up() -> None:
        calibrate(network, lambda: network(batch.lr), before, as_they_are=supernet.quantizer == quantizer)

    # Statistics are of what quantizers leave of the features, so these are set up on a batch that is normalised by
    # itself, and anew once there are statistics. Measured with quantizers left out until then: 0.1 to 0.3 dB less at 3
    # and 4 bits where they come from the search (3 networks); no difference in the mean, -1.1 to 2.1 dB, where they
    # begin anew at 4 and 8 bits after a search with noise (39 networks).
    reestimate(network.eval(), lambda: draw().lr, set_up)
    set_up()
    return network


class Prices:
    """The cost tables of a space, made when they are first asked for."""

    def __init__(self, count: SpaceCount, device: torch.device) -> None:
        self._count = count
        self._device = device
        self._first = sorted(set(count.leaders))
        self._tables: dict[Cost, CostTable] = {}

    def __getitem__(self, cost: Cost) -> CostTable:
        if cost not in self._tables:
            self._tables[cost] = self._count.table(cost).to(self._device)
        return self._tables[cost]

    def choices(self, probabilities: Tensor) -> Tensor:
        """(choices, candidates) of (slots, candidates): a choice that several slots share stands there once."""
        return probabilities if len(self._first) == len(probabilities) else probabilities[self._first]


@dataclass(frozen=True)
class SearchProgress:
    """The state of a search as regularizers see it (see :class:`qnas.core.components.SearchState`)."""

    alpha: Tensor
    probabilities: Tensor
    start: Tensor
    epoch: int
    epochs: int
    prices: Prices

    @property
    def choices(self) -> Tensor:
        """The probabilities, those of a shared choice once."""
        return self.prices.choices(self.probabilities)

    def relative_cost(self, cost: Cost) -> Tensor:
        """The expected cost as a share of what it was at the start."""
        table = self.prices[cost]
        return table.expected(self.probabilities) / table.expected(self.start)


def penalty(regularizers: Mapping[str, Regularizer], state: SearchProgress) -> Tensor:
    """The weighted sum of all penalties."""
    terms = [r.weight * r.penalty(state) for r in regularizers.values() if r.weight]
    return torch.stack([term.float() for term in terms]).sum() if terms else state.alpha.new_zeros(())


@dataclass(frozen=True)
class SearchOutcome:
    """What a search found.

    Attributes:
        best: The architecture of the best objective that was measured.
        last: The architecture at the end.
        ties: Slots whose choice in ``best`` was close.
        supernet: The weights that the supernet had when ``best`` was found, where there is a supernet.
        supernet_psnr: Its PSNR on Y in dB on the held-out images, as the mixture it was.
        details: What else is worth keeping in the search's result, such as entropies.
    """

    best: Architecture
    last: Architecture
    ties: Sequence[Tie] = ()
    supernet: Mapping[str, Tensor] | None = None
    supernet_psnr: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
