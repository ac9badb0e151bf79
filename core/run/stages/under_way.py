"""A run under way: what its stages share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.images.patches import PatchSampler
from qnas.core.network import Architecture
from qnas.core.run.chosen import DIGEST, digest
from qnas.core.run.images import RunImages
from qnas.core.run.names import ARCHITECTURE, BEST_BEFORE
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import CheckpointPolicy, StageCheckpoints
from qnas.core.run.weights import load_weights
from qnas.core.spec import Spec
from qnas.core.training.journal import Journal
from qnas.core.training.machine import Machine
from qnas.core.training.streams import stream_number


@dataclass(frozen=True)
class Run:
    """A run under way.

    Attributes:
        spec: What is to be done.
        folder: Where it is kept.
        machine: Where to compute.
        images: What to learn from and to be judged on.
        keeping: When checkpoints are written.
        journal_of: Makes the journal of a stage.
    """

    spec: Spec
    folder: RunFolder
    machine: Machine
    images: RunImages
    keeping: CheckpointPolicy
    journal_of: Callable[[RunFolder, str], Journal] = Journal

    @cached_property
    def architecture(self) -> Architecture:
        """The found architecture.

        Raises:
            InputError: It is not as the search wrote it.
        """
        text, where = self.folder.read_text(ARCHITECTURE), str(self.folder.path / ARCHITECTURE)
        kept = RunRecord(self.folder).stages["search"].get(DIGEST)
        if kept is not None and kept != digest(text):
            raise InputError("is not what the search found: it is damaged", where)
        if kept is None and text != self.folder.read_text(BEST_BEFORE):
            raise InputError(f"is not what the search found ({BEST_BEFORE}): one of the two is damaged", where)
        return Architecture.from_json(text, where)

    @property
    def train_quantizer(self) -> dict[str, Any]:
        """The quantizer of the found network, as the run's spec.yaml has it."""
        return RunRecord(self.folder).quantizer_data  # type: ignore[no-any-return]

    def network_of(self, architecture: Architecture) -> nn.Module:
        """The network of an architecture, quantized as the found one, as its space starts it."""
        return architecture.build(self.spec.quantizer.train, self.spec.quantizer.between)

    def trained_network(self) -> nn.Module:
        """The found network as it was trained, on the CPU, in evaluation mode."""
        network = self.architecture.rebuild(self.spec.quantizer.train, self.spec.quantizer.between)
        load_weights(network, self.folder, self.train_quantizer)
        return network.eval()

    def sampler(self, stream: str) -> PatchSampler:
        """Batches for the training of the found network, drawn by the random stream of that name."""
        data, spec = self.spec.data, self.spec
        return PatchSampler(
            self.images.train,
            spec.scale,
            spec.train.patch_after(spec.train.steps).get(0, data.patch),
            spec.train.batch * spec.train.accumulate,
            augment=data.augment,
            seed=(spec.seed, stream_number(stream)),
            device=self.machine.device,
        )


Stage = Callable[[Run, Journal, StageCheckpoints], dict[str, Any]]
"""What a stage does; it returns its result."""
