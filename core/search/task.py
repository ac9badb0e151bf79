"""What a searcher works with."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from qnas.core.components import Loss, Quantizer, Regularizer
from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import Batch, PatchSampler
from qnas.core.images.settings import Augment
from qnas.core.network import Candidate, Supernet, build_found, uniform
from qnas.core.search.choices import Choices
from qnas.core.search.derive import derive
from qnas.core.search.images import SearchImages
from qnas.core.search.objective import SearchProgress, penalty
from qnas.core.search.warm_start import start_warm
from qnas.core.training.checkpoints import Checkpoints
from qnas.core.training.criterion import Criterion, Teachers
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Precision
from qnas.core.training.schedule import Schedule
from qnas.core.training.streams import STATISTICS, stream, stream_number
from qnas.core.training.trainer import OnStep, Trainer, report_nothing
from qnas.core.upscale.scoring import validate


@dataclass(frozen=True, kw_only=True)
class SearchTask(Choices):
    """Everything that a searcher needs.

    Networks are rated by PSNR on Y in dB and by the mean absolute error of values in 0..1, on the held-out images.

    Attributes:
        space: Where to search.
        scale: The factor of super-resolution.
        search_quantizer: Stands in for quantization during the search.
        train_quantizer: Quantizes the found network.
        regularizers: Penalties on the architecture.
        images: The images to train and to validate on.
        patch: Height and width of an LR patch, in pixels.
        augment: Whether patches are flipped and turned; ``flips`` leaves out the turns.
        machine: Where to compute.
        seed: Decides every random number.
        journal: Where to report.
        checkpoints: Where to keep the state, to continue from when the run is resumed.
        costs: What is counted, by name; by default, what is counted for every spec.
        losses: What networks minimize, by name; by default, L1.
        teachers: The networks that the losses learn from.
        limits: The most that a network may cost on an LR image of 32 x 32, by the cost's name.
    """

    search_quantizer: Quantizer
    regularizers: Mapping[str, Regularizer]
    images: SearchImages
    patch: int
    augment: Augment
    seed: int
    journal: Journal
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    losses: Mapping[str, Loss] | None = None
    teachers: Teachers = field(default_factory=dict)

    @property
    def precision(self) -> Precision:
        """Of convolutions in training; that of :attr:`machine`."""
        return self.machine.precision

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context for forward passes in training; that of :attr:`machine`."""
        return self.machine.autocast()

    def stream(self, name: str, *place: int) -> np.random.Generator:
        """A generator of random numbers that depends on the seed, ``name`` and ``place`` alone.

        A new one for each step, with the step as its place, needs no state in checkpoints.

        Args:
            name: The stream's; generators of different names are independent of each other, and of every sampler.
            place: Numbers from 0 that tell its uses apart.
        """
        return stream(self.seed, name, *place)

    def sampler(self, pairs: Sequence[ImagePair], batch: int, purpose: str | int) -> PatchSampler:
        """Batches of random patches of these images.

        Args:
            pairs: The images, such as ``task.images.training``.
            batch: Patches in a batch.
            purpose: The name of the random stream that decides the patches; samplers of different names are
                independent. A number from 0 also works, but some are those of qnas itself: a name is safer.
        """
        number = purpose if isinstance(purpose, int) else stream_number(purpose)
        return PatchSampler(
            pairs,
            self.scale,
            self.patch,
            batch,
            augment=self.augment,
            seed=(self.seed, number),
            device=self.device,
        )

    def build(self, chosen: Mapping[str, Candidate]) -> nn.Module:
        """The network with these candidates and the train quantizer, on the machine, from a :meth:`warm_start`.

        Its weights are drawn from PyTorch's global generator, so set ``torch.manual_seed`` before.
        """
        network = self.machine.place(build_found(self.space, self.scale, chosen, self.train_quantizer))
        start_warm(network, self._warm_start_sampler)
        return network

    def warm_start(self, network: nn.Module) -> Mapping[str, Mapping[str, float]]:
        """Start the operations in slots that had weights as close as they come to what stood there.

        Call it before quantizers are calibrated. It takes seconds to minutes, and says so to the journal, at step 0; it
        draws nothing from global generators, and does nothing in spaces whose slots have no weights.

        Args:
            network: A network with a single operation in each slot, or the ``network`` of a :class:`Supernet`; on the
                machine.

        Returns:
            The mean squared error of each operation, by slot and label, as a share of the variance of what the
            convolution that stood there makes of training images; 0 is exact.
        """
        return start_warm(
            network,
            self._warm_start_sampler,
            lambda done, of: self.journal.step(0, {"warm_start": f"{done} of {of}"}),
        )

    def criterion(self, network: nn.Module) -> Criterion:
        """What the training of a network minimizes: :attr:`losses`, with their :attr:`teachers`.

        Args:
            network: A found network, or the ``network`` of a supernet.
        """
        return Criterion(self.losses, self.teachers, network)

    def _warm_start_sampler(self, stream: str) -> PatchSampler:
        return self.sampler(self.images.training, 16, stream)

    def trainer(
        self,
        network: nn.Module,
        schedule: Schedule,
        batch: int,
        purpose: str,
        on_step: OnStep = report_nothing,
        on_validation: OnStep = report_nothing,
    ) -> Trainer:
        """The training of a network on all training images: the network is calibrated, no step is taken.

        Args:
            network: From :meth:`build`, or any other that is on the machine.
            schedule: For how long and at which rates.
            batch: Patches in a batch.
            purpose: The name of the random stream of its batches.
            on_step: See :class:`qnas.Trainer`.
            on_validation: See :class:`qnas.Trainer`.
        """
        trainer = Trainer(
            self.machine,
            network,
            self.sampler(self.images.training, batch, purpose),
            self.images.validation,
            schedule,
            on_step,
            on_validation,
            self.criterion(network),
        )
        trainer.calibrate()
        return trainer

    def train(
        self, network: nn.Module, steps: int, purpose: str, *, batch: int = 16, learning_rate: float = 1e-3
    ) -> tuple[float, float]:
        """Calibrate a network, train it for a while on all training images, and validate it.

        It is trained in place, by Adam at a rate that falls to 0 along a cosine. Nothing is reported to the journal;
        :meth:`trainer` offers more.

        Args:
            network: From :meth:`build`.
            steps: Optimizer steps.
            purpose: The name of the random stream of its batches.
            batch: Patches in a batch.
            learning_rate: Of Adam at the start.

        Returns:
            Its PSNR and its error, as :meth:`validate` does.

        Raises:
            Diverged: The loss is not a finite number.
        """
        schedule = Schedule(steps, learning_rate)
        trained = self.trainer(network, schedule, batch, purpose).run()
        return trained.last_psnr, trained.last_error

    def derive(self, supernet: Supernet, chosen: Mapping[str, Candidate], batch: Batch) -> nn.Module:
        """The network with these candidates and the supernet's weights, ready to be validated.

        Its running statistics are estimated again, over the same batches of the training images every time, then its
        quantizers are set up by ``batch``.

        Args:
            supernet: On the machine; it is not changed.
            chosen: The candidate of each slot.
            batch: From a :meth:`sampler`.
        """
        draw = self.sampler(self.images.training, len(batch.lr), STATISTICS).draw
        return derive(self.space, self.scale, chosen, supernet, self.train_quantizer, batch, draw)

    def validate(self, network: nn.Module) -> tuple[float, float]:
        """PSNR on Y in dB and mean absolute error in 0..1 of a network on the held-out images.

        Args:
            network: Takes (1, 3, H, W) to (1, 3, H * scale, W * scale), both in 0..1; it is left in evaluation mode.
        """
        return validate(network.eval(), self.images.validation, self.scale, self.device)

    def penalty(
        self, alpha: Tensor, probabilities: Tensor, *, start: Tensor | None = None, epoch: int = 0, epochs: int = 1
    ) -> Tensor:
        """The sum of the regularizers' weighted penalties, a scalar with a gradient.

        Args:
            alpha: (slots, candidates) parameters of the architecture.
            probabilities: (slots, candidates), what ``alpha`` makes of the candidates; each row sums to 1.
            start: The probabilities that costs are relative to; by default, uniform ones.
            epoch: How far the search is, from 0, for penalties that depend on it.
            epochs: How many epochs it has.
        """
        start = uniform(self.candidates).to(self.device) if start is None else start
        return penalty(self.regularizers, SearchProgress(alpha, probabilities, start, epoch, epochs, self.prices))

    def objective(
        self,
        error: float,
        chosen: Mapping[str, Candidate],
        *,
        start: Tensor | None = None,
        epoch: int = 0,
        epochs: int = 1,
    ) -> float:
        """What a searcher keeps its best network by, the lower the better: its error plus its penalties.

        Args:
            error: Of the network, as :meth:`validate` and :meth:`train` return it.
            chosen: The candidate of each slot.
            start: See :meth:`penalty`.
            epoch: See :meth:`penalty`.
            epochs: See :meth:`penalty`.
        """
        rows = self.rows(chosen)
        return error + float(self.penalty(torch.zeros_like(rows), rows, start=start, epoch=epoch, epochs=epochs))
