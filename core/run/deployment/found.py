"""The found network of a run, loaded from its folder to be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from qnas.core.components import Degradation, Pixels, Quantizer, Target
from qnas.core.deploy.found_integers import IntegerActivations, IntegerWeights, integers_of
from qnas.core.errors import InputError, plainly
from qnas.core.files.folder import RunFolder
from qnas.core.images.picture import Picture, picture_of, read_picture
from qnas.core.network import Architecture
from qnas.core.run.deployment.export import export_found, planned, sets_to_compare
from qnas.core.run.deployment.models import brought_here, found_in
from qnas.core.run.deployment.targets import target_of
from qnas.core.run.record import RunRecord
from qnas.core.upscale.tiles import Upscaler
from qnas.core.upscale.unfit import enlarging


class FoundNetwork(nn.Module):
    """The network that a run found, with its trained weights; :func:`qnas.load` makes it.

    Called on a tensor, it gives a tensor: (N, 3, H, W), RGB in 0..1, to (N, 3, H * scale, W * scale). Called on a
    picture, an image of Pillow's or an array (H, W, 3) of uint8, it gives one of the same kind, and for the path of an
    image file an image of Pillow's; large pictures are enlarged in tiles.

    Attributes:
        run: The run that found it.
        network: The network itself, in evaluation mode.
    """

    def __init__(self, run: RunRecord, network: nn.Module, home: Path | None = None) -> None:
        super().__init__()
        self.run = run
        self._home = run.path if home is None else home
        self.network = network
        self.train(network.training)

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return self.run.folder

    @property
    def architecture(self) -> Architecture:
        """What it is built from."""
        return self.run.architecture

    @property
    def scale(self) -> int:
        """The factor that it enlarges by."""
        return self.architecture.scale

    @property
    def degradation(self) -> Degradation:
        """How the LR images were made that it was trained with.

        Raises:
            InputError: The spec does not say it, or a plugin is missing.
        """
        return self.run.degradation

    @overload
    def __call__(self, image: Tensor) -> Tensor: ...
    @overload
    def __call__(self, image: Pixels) -> Pixels: ...
    @overload
    def __call__(self, image: Image.Image | str | Path) -> Image.Image: ...
    @plainly
    def __call__(self, image: Any) -> Any:
        """The enlarged image, of the kind that is given; see :class:`FoundNetwork`.

        Raises:
            QnasError: A picture can't be read or enlarged; the message says why.
        """
        return super().__call__(image)

    def forward(self, image: Any) -> Any:
        """See :meth:`__call__`."""
        if isinstance(image, Tensor):
            return self.network(image)
        if isinstance(image, np.ndarray):
            return self._enlarged(_as_pixels(image))
        return _picture(image).enlarged(self._enlarged).image()

    def _enlarged(self, lr: Pixels) -> Pixels:
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        was_training = self.training
        self.eval()
        try:
            upscaler = Upscaler(self.network, self.scale, device)
            with enlarging(lr, upscaler):
                return upscaler(lr)
        finally:
            self.train(was_training)

    @plainly
    def integers(self) -> dict[str, IntegerWeights | IntegerActivations]:
        """What it computes with: the integers of each convolution and the grid of each activation, by their paths.

        Raises:
            InputError: A grid has no integer form; the message says where.
        """
        return integers_of(self.network)

    @plainly
    def export(
        self,
        target: str | Mapping[str, Any] | Target,
        path: str | Path | None = None,
        *,
        freeze: bool = False,
        force: bool = False,
    ) -> Path:
        """Write it as a file for a runtime, verified to give the same images on the run's test sets.

        Args:
            target: The runtime by its name, or with its fields as in a spec: ``{"name": "litert", "size": "256x256"}``.
            path: The file to write; by default in the folder ``export`` of the run, which is a copy in the current
                folder for a model.
            freeze: Whether to freeze what it measures over whole images.
            force: Whether to replace a file that is there.

        Returns:
            The file. What is known of it stands beside it, in a file of the same name that ends with ``.json``.

        Raises:
            InputError: There is no such target, it is not installed, or it can't run the network.
            QnasError: The file gives different images.
        """
        chosen = target_of(target, self.run)
        out = None if path is None else Path(path)
        files = planned(self._home, [chosen], self.scale, self.run.between, out, force=force)
        sets = sets_to_compare(self.run)
        if out is None:
            brought_here(self._home)
        network = self.network if _is_on_cpu(self.network) else self.run.network()
        for _ in export_found(network, self.scale, files, sets, freeze=freeze):
            pass
        return files[chosen]

    def in_float(self) -> nn.Module:
        """The network with the same operations and nothing quantized, in evaluation mode, on the CPU.

        Its layers have the same weights, which were trained to be quantized: it is there to be timed, not to be judged.
        """
        network, trained = self.run.untrained(Quantizer.of("none")), self.network.state_dict()
        own = {name: tensor.shape for name, tensor in network.state_dict().items()}
        alike = {name: tensor for name, tensor in trained.items() if own.get(name) == tensor.shape}
        network.load_state_dict(alike, strict=False)
        return network.eval()

    def _repr_html_(self) -> str:
        """Its architecture, as notebooks show it."""
        return self.architecture._repr_html_()


def _is_on_cpu(network: nn.Module) -> bool:
    return all(parameter.device.type == "cpu" for parameter in network.parameters())


def _as_pixels(image: Any) -> Pixels:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        given = f"{image.dtype} of {image.shape}"
        raise InputError(f"a picture given as an array must be uint8 of (H, W, 3), RGB (got {given})")
    pixels: Pixels = image
    return pixels


def _picture(image: Any) -> Picture:
    if isinstance(image, str | Path):
        return read_picture(Path(image))
    if isinstance(image, Image.Image):
        return picture_of(image)
    kinds = "a tensor, an array of uint8, an image of Pillow's or a path"
    raise InputError(f"can't enlarge an object of type {type(image).__name__}: it must be {kinds}")


def load_found(path: Path, device: torch.device) -> FoundNetwork:
    """Load the found network of a run.

    Args:
        path: The run's folder, or the name of a model.
        device: Where the network goes.

    Raises:
        InputError: There is no run, it has trained no network yet, a file is damaged, or a plugin is missing.
    """
    run = RunRecord(RunFolder(found_in(path)))
    run.refuse_untrained()
    return FoundNetwork(run, run.network().to(device), path)
