"""TensorBoard's event files, read back with TensorBoard's own reader."""

import io
import itertools
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from qnas.core.components.requirements import installation
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.images.pairs import ImagePair
from qnas.core.registry import hookimpl, listening
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec
from qnas.plugins.trackers.tensorboard import TensorBoard


@pytest.fixture(autouse=True)
def seconds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event files are read in the order of the seconds in their names, of which real processes have different ones."""
    clock = itertools.count(int(time.time()))
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda: float(next(clock))))


def read(folder: Path, stage: str) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard" / stage), size_guidance={"scalars": 0, "histograms": 0}).Reload()


def curve(folder: Path, stage: str, tag: str) -> dict[int, float]:
    """A curve by its steps, none of which comes twice."""
    events = read(folder, stage).Scalars(tag)
    assert len({event.step for event in events}) == len(events)
    return {event.step: event.value for event in events}


class StopsOnce:
    """Stops a run after a step of its training."""

    def __init__(self, at: int) -> None:
        self.at, self.stop = at, Stop()

    @hookimpl
    def qnas_step(self, stage: str, step: int) -> None:
        if (stage, step) == ("train", self.at):
            self.stop.ask(15)


def run(spec: Path, folder: Path, stop: Stop | None = None, **options) -> None:
    tracker = TensorBoard()
    try:
        with listening(tracker):
            run_spec(load_spec(spec), RunFolder(folder), until="evaluate", stop=stop, **options)
    finally:
        tracker.close()


@pytest.fixture
def stopped(tiny: Path, tmp_path: Path) -> Path:
    """A run that was stopped once in its training."""
    stopping = StopsOnce(3)
    with listening(stopping), pytest.raises(KeyboardInterrupt):
        run(tiny, tmp_path / "run", stopping.stop)
    run(tiny, tmp_path / "run", resume=True)
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_that_was_stopped_has_its_curves_histograms_and_crops(stopped: Path) -> None:
    history = {stage: list(RunFolder(stopped).history(stage)) for stage in ("search", "train")}
    for stage, lines in history.items():
        assert list(curve(stopped, stage, "loss")) == [1, 2, 3, 4, 5, 6]
        assert curve(stopped, stage, "psnr") == pytest.approx({line["step"]: line["psnr"] for line in lines})
    search = read(stopped, "search")
    assert curve(stopped, "search", "bitops")[6] == pytest.approx(history["search"][-1]["bitops"])
    slots = history["search"][-1]["probabilities"]
    assert {f"alpha/{slot}" for slot in slots} | {"alpha"} == set(search.Tags()["histograms"])
    drawn = [event.histogram_value.num for event in search.Histograms("alpha")]
    assert drawn == [sum(map(len, slots.values()))] * 3
    train = read(stopped, "train")
    assert len(train.Tags()["images"]) == 2  # of two that are held out
    for tag in train.Tags()["images"]:
        crops = train.Images(tag)
        assert [crop.step for crop in crops] == [2, 4, 6]
        assert (crops[0].width, crops[0].height) == (2 * 32, 32)
    assert list(curve(stopped, "evaluate", "psnr")) == [1, 2]
    assert "test/leaves/psnr_y" in read(stopped, "evaluate").Tags()["scalars"]
    for lines in history.values():  # which keep nothing that only trackers need
        assert all({"alpha", "images"}.isdisjoint(line) for line in lines)


def step(tracker: TensorBoard, folder: Path, number: int, stage: str = "train", **metrics: object) -> None:
    tracker.qnas_step(RunFolder(folder), stage, number, metrics)


def test_what_was_done_after_the_checkpoint_is_dropped_in_that_stage_alone(tmp_path: Path) -> None:
    killed = TensorBoard()
    for stage in ("search", "train"):
        killed.qnas_stage_began()
        for number in range(1, 6):
            step(killed, tmp_path, number, stage, loss=torch.tensor(float(number)))
    killed.close()
    again = TensorBoard()
    again.qnas_stage_began()
    again.qnas_stage_resumed(3)
    for number in (4, 5, 6):
        step(again, tmp_path, number, loss=-float(number))
    again.qnas_stage_ended({})
    assert curve(tmp_path, "train", "loss") == {1: 1, 2: 2, 3: 3, 4: -4, 5: -5, 6: -6}
    assert list(curve(tmp_path, "search", "loss")) == [1, 2, 3, 4, 5]


def test_a_stage_that_begins_again_begins_its_curves_again(tmp_path: Path) -> None:
    for sign in (1, -1):
        tracker = TensorBoard()
        tracker.qnas_stage_began()
        for number in (1, 2, 3)[: 2 + sign]:
            step(tracker, tmp_path, number, loss=float(sign * number))
        tracker.close()
    assert curve(tmp_path, "train", "loss") == {1: -1}


def test_parts_are_curves_and_texts_are_none(tmp_path: Path) -> None:
    tracker = TensorBoard()
    tracker.qnas_stage_began()
    parts = {"l1": torch.tensor(1.0), "distill": 2.0, "deeper": {"x": 1.0}}
    step(tracker, tmp_path, 1, loss=3.0, losses=parts, set="name", of=4, shape=torch.zeros(2))
    tracker.close()
    assert set(read(tmp_path, "train").Tags()["scalars"]) == {"loss", "losses/l1", "losses/distill"}


def test_a_crop_is_ours_beside_the_original(tmp_path: Path) -> None:
    hr = np.zeros((40, 40, 3), np.uint8)
    hr[::2, ::2] = 255
    tracker = TensorBoard()
    tracker.qnas_stage_began()
    step(tracker, tmp_path, 1, images=[(ImagePair("a", hr, hr[::2, ::2]), np.full_like(hr, 9))] * 9)
    tracker.close()
    (tag,) = read(tmp_path, "train").Tags()["images"]
    crop = np.asarray(Image.open(io.BytesIO(read(tmp_path, "train").Images(tag)[0].encoded_image_string)))
    assert np.array_equal(crop, np.concatenate([np.full_like(hr, 9), hr], axis=1))


def test_images_that_load_before_there_is_a_folder_leave_nothing(tmp_path: Path) -> None:
    tracker = TensorBoard()
    tracker.qnas_stage_began()
    step(tracker, tmp_path, 1, "data", set="train", of=2)
    tracker.close()
    assert not list(tmp_path.iterdir())


def test_without_the_extra_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.delattr(torch.utils, "tensorboard", raising=False)
    with pytest.raises(InputError) as caught:
        TensorBoard()
    what = "the tracker 'tensorboard' needs tensorboard, which is not installed"
    assert str(caught.value) == f"{what}: {installation('qnas[tensorboard]')}"
