"""TensorBoard: the curves of a run, its architecture parameters and what its network makes of images."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qnas.core.components import Pixels
from qnas.core.components.requirements import installation
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.images.pairs import ImagePair
from qnas.core.registry import Tracker, hookimpl
from qnas.core.run.examples import CROP, detailed_place

if TYPE_CHECKING:
    from torch.utils import tensorboard

FOLDER = "tensorboard"
"""In the run's folder; each stage has a folder of its own in it."""

_STAGES = frozenset({"search", "float", "train", "evaluate"})
_NO_CURVES = frozenset({"of"})
_IMAGES = 4
_MANY = 100
_SECONDS = 5  # after which steps are written


class TensorBoard(Tracker):
    """Writes event files for TensorBoard into the run's folder.

    Every number that a stage reports becomes a curve, its parts too where it is a mapping. A search adds histograms of
    alpha, in each slot and of all; a training adds crops of images that are held out, ours beside the original.

    A stage that goes on from a checkpoint goes on in the same curves: TensorBoard drops what was written after the
    checkpoint. For that, each stage is a run of TensorBoard, since one is cut at a step as a whole.

    Raises:
        InputError: TensorBoard is not installed.
    """

    def __init__(self) -> None:
        try:
            from torch.utils import tensorboard
        except ImportError:
            what = "the tracker 'tensorboard' needs tensorboard, which is not installed"
            raise InputError(f"{what}: {installation('qnas[tensorboard]')}") from None
        self._make = tensorboard.SummaryWriter
        self._writer: tensorboard.SummaryWriter | None = None
        self._waiting: list[tuple[int, float, Mapping[str, Any]]] = []
        self._done = 0

    @hookimpl
    def qnas_stage_began(self) -> None:
        """Close the files of an earlier stage."""
        self.close()
        self._done = 0

    @hookimpl
    def qnas_stage_resumed(self, step: int) -> None:
        """Go on behind that step."""
        self._done = step

    @hookimpl
    def qnas_step(self, folder: RunFolder, stage: str, step: int, metrics: Mapping[str, Any]) -> None:
        """Note the step. Steps are written many at a time, because reading a loss waits for the device."""
        if stage not in _STAGES:  # before the search, the run has no folder yet
            return
        if self._writer is None:
            path = folder.path / FOLDER / stage
            self._writer = self._make(str(path), purge_step=self._done + 1, flush_secs=_SECONDS)
        self._waiting.append((step, time.time(), metrics))
        if len(self._waiting) >= _MANY or time.time() - self._waiting[0][1] > _SECONDS or "psnr" in metrics:
            self._write(self._writer)

    @hookimpl
    def qnas_stage_ended(self, result: Mapping[str, Any]) -> None:
        """Write the means over the test sets, if the stage has any, and close the files."""
        if self._writer is not None:
            for tag, value in _numbers(result.get("test") or {}):
                self._writer.add_scalar(f"test/{tag}", value)
        self.close()

    def close(self) -> None:
        """See :meth:`qnas.Tracker.close`."""
        if self._writer is not None:
            self._write(self._writer)
            self._writer.close()
        self._writer = None

    def _write(self, writer: "tensorboard.SummaryWriter") -> None:
        waiting, self._waiting = self._waiting, []
        for step, seconds, metrics in waiting:
            _write_step(writer, step, seconds, metrics)


def _write_step(writer: "tensorboard.SummaryWriter", step: int, seconds: float, metrics: Mapping[str, Any]) -> None:
    seen = {"alpha": metrics.get("alpha", {}), "images": metrics.get("images", [])}
    others = {key: value for key, value in metrics.items() if key not in {*seen, *_NO_CURVES}}
    for tag, value in _numbers(others):
        writer.add_scalar(tag, value, step, walltime=seconds)
    for tag, values in _histograms(seen["alpha"]):
        writer.add_histogram(tag, values, step, walltime=seconds)
    for pair, ours in seen["images"][:_IMAGES]:
        crop = _beside(pair, ours)
        writer.add_image(f"ours, original/{pair.name}", crop, step, walltime=seconds, dataformats="HWC")


def _numbers(metrics: Mapping[str, Any], depth: int = 1) -> Iterator[tuple[str, float]]:
    """The numbers among the metrics by their tags, and those a mapping deeper; a tensor with one element is one."""
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            inner = _numbers(value, depth - 1) if depth else ()
            yield from ((f"{key}/{tag}", number) for tag, number in inner)
        elif isinstance(value, int | float) or getattr(value, "ndim", None) == 0:
            yield key, float(value)


def _histograms(alpha: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The values of alpha to draw, by their tags."""
    if alpha:
        yield "alpha", np.concatenate([np.asarray(values) for values in alpha.values()])
    for path, values in alpha.items():
        yield f"alpha/{path}", np.asarray(values)


def _beside(pair: ImagePair, ours: Pixels) -> Pixels:
    """The part of an image with the most detail, (H, W, 3): what was made of it, and the original to the right."""
    scale = pair.hr.shape[0] // pair.lr.shape[0]
    top, left, size = detailed_place(pair.hr, CROP // scale * scale, scale)
    place = np.s_[top : top + size, left : left + size]
    return np.concatenate([ours[place], pair.hr[place]], axis=1)
