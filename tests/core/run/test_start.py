"""What the training of the found network starts from."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.deprecation import QnasDeprecationWarning
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture, slot_candidates, take_weights
from qnas.core.network.calibration import calibrate
from qnas.core.run.images import load_run_images
from qnas.core.run.names import FLOAT_WEIGHTS, MODEL
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.checkpoint import CheckpointPolicy
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.run.stages.under_way import Run
from qnas.core.spec import Spec, read_spec
from qnas.core.training.machine import Machine
from qnas.core.training.streams import TRAIN
from qnas.core.upscale.scoring import validate

pytestmark = pytest.mark.slow

CPU = Machine(torch.device("cpu"))
HARDLY = "train.learning_rate=1e-30"


def trained(file: Path, *overrides: str) -> tuple[RunRecord, dict[str, torch.Tensor]]:
    """A run that was trained, and its weights."""
    folder = RunFolder(file.with_name(f"run-{len(list(file.parent.iterdir()))}"))
    with warnings.catch_warnings(action="ignore"):  # so few steps that the search finds the dearest
        run_spec(read_spec(file, overrides).spec, folder, until="train")
    return RunRecord(folder), folder.read_tensors(MODEL)


def steps(record: RunRecord, stage: str) -> list[int]:
    return [entry["step"] for entry in record.history[stage]]


def is_weight(name: str) -> bool:
    return name.endswith((".weight", ".bias"))


def test_from_float_training_starts_with_the_weights_of_the_float_network(tiny: Path) -> None:
    _, from_scratch = trained(tiny, HARDLY)
    record, weights = trained(tiny, HARDLY, "train.start=float", "train.float_steps=5")
    floating = record.folder.read_tensors(FLOAT_WEIGHTS)
    assert not any("quantizer" in name for name in floating)
    assert all(
        torch.allclose(value, floating[name], rtol=0, atol=1e-20) for name, value in weights.items() if is_weight(name)
    )
    assert steps(record, "float") == [1, 3, 5]
    assert record.stages["float"]["best_psnr_y"] > 0
    assert set(weights) == set(from_scratch)


@pytest.mark.slow
def test_the_float_network_learns(tiny: Path) -> None:
    record, _ = trained(tiny, "train.start=float", "train.float_steps=12")
    first, *_, last = (entry["loss"] for entry in record.history["float"])
    assert last < first


@pytest.mark.slow
def test_narrowing_trains_at_wide_widths_first_and_ends_at_those_that_were_found(tiny: Path) -> None:
    record, weights = trained(tiny, "space.bits=[4]", "train.narrowing=[8, 6]", "train.steps=11", "train.validations=1")
    assert steps(record, "train") == [3, 6, 11]
    _, plain = trained(tiny, "space.bits=[4]", "train.steps=11", "train.validations=1")
    assert {name: value.shape for name, value in weights.items()} == {n: v.shape for n, v in plain.items()}
    assert record.stages["train"]["best_step"] == 11
    assert {choice.weight_bits for choice in record.architecture.slots.values()} == {4}


def test_what_has_fewer_bits_is_widened_and_nothing_else() -> None:
    space = Space.of({"name": "skeleton", "channels": 4, "body": ["residual"], "bits": [[2, 8], [4, 32]]})
    options = slot_candidates(space, 2)
    chosen = {path: of_slot[index % 2] for index, (path, of_slot) in enumerate(options.items())}
    wider = Architecture.from_candidates(space, 2, chosen).at_least(6).candidates()
    widths = {candidate.widths for candidate in wider.values()}
    assert widths == {(6, 8), (6, 32)}


@pytest.mark.parametrize("average", [(), ("train.ema=0.9",)])
def test_without_steps_what_it_starts_from_is_quantized_and_judged(tiny: Path, average: tuple[str, ...]) -> None:
    sets = ("space.bits=[8]", "train.steps=0", "train.start=float", "train.float_steps=5", *average)
    record, weights = trained(tiny, *sets)
    floating = record.folder.read_tensors(FLOAT_WEIGHTS)
    assert all(torch.equal(value, floating[name]) for name, value in weights.items() if is_weight(name))
    assert steps(record, "train") == [0]

    run_spec(record.spec, record.folder, resume=True)
    judged = RunRecord(record.folder)
    assert judged.stages["train"]["best_step"] == 0
    assert judged.page is not None

    images = load_run_images(record.spec.data, record.spec.scale, record.spec.seed, lambda *_: None)
    first = Run(record.spec, record.folder, CPU, images, CheckpointPolicy(60, Stop())).sampler(TRAIN).draw()
    network = judged.architecture.build(judged.quantizer)
    take_weights(network, floating)
    calibrate(network.eval(), lambda: network(first.lr), in_float=True)
    expected, _ = validate(network, images.learn.validation, record.spec.scale, CPU.device)
    assert judged.stages["train"]["best_psnr_y"] == pytest.approx(expected, abs=1e-6)


def test_quantizers_begin_as_told_and_as_they_always_did_where_nothing_is_said(tiny: Path) -> None:
    sets = ("space.bits=[2]", "train.steps=1", "train.validations=1", HARDLY)
    in_float, quantized, unsaid = (
        trained(tiny, *sets, *said)[1] for said in (("train.calibration=float",), ("train.calibration=quantized",), ())
    )
    assert all(torch.equal(quantized[name], value) for name, value in unsaid.items())
    assert any(not torch.allclose(quantized[name], value) for name, value in in_float.items() if "quantizer" in name)
    assert all(
        torch.allclose(quantized[name], value, rtol=0, atol=1e-20)
        for name, value in in_float.items()
        if is_weight(name)
    )


def test_weights_that_do_not_fit_are_refused() -> None:
    space = Space.of({"name": "skeleton", "channels": 4, "body": ["residual"]})
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    network = Architecture.from_candidates(space, 2, chosen).build(Quantizer.of("lsq"))
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith("head")}
    with pytest.raises(InputError, match=r"the weights don't fit the network: it needs head\..* of \("):
        take_weights(network, weights)


class Own(nn.Module):
    """A network of a user's."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 12, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.last(self.first(image).relu()), 2)


@pytest.mark.slow
def test_a_network_with_weights_starts_from_them_unless_told_otherwise(tiny: Path) -> None:
    torch.manual_seed(1)
    file = tiny.with_name("own.pth")
    torch.save(Own().state_dict(), file)
    own = {"name": "module", "target": f"{__name__}:Own", "bits": [8], "weights": str(file)}
    sets = ("train.steps=1", "train.validations=1", HARDLY)
    for start, is_kept in (("", True), ("train.start=weights", True), ("train.start=scratch", False)):
        _, weights = trained(tiny, f"space={json.dumps(own)}", *sets, *filter(None, [start]))
        assert torch.equal(weights["first.operation.weight"], torch.load(file)["first.weight"]) == is_kept


def test_a_network_starts_from_the_float_network_of_another_run_even_once_that_is_gone(tiny: Path) -> None:
    space = json.dumps({"name": "skeleton", "channels": 4, "body": ["residual"], "bits": [8]})
    record, _ = trained(tiny, f"space={space}", "train.start=float", "train.steps=1", "train.validations=1")
    floating = record.folder.read_tensors(FLOAT_WEIGHTS)
    file, folder = record.folder.path / FLOAT_WEIGHTS, RunFolder(tiny.with_name("second"))
    sets = (f"space={space}", f"space.weights={file}", "train.steps=1", "train.validations=1", HARDLY)
    spec = read_spec(tiny, sets).spec
    run_spec(spec, folder, until="search")
    file.unlink()
    run_spec(spec, folder, until="train", resume=True)
    weights = folder.read_tensors(MODEL)
    assert floating.keys() == {name for name in weights if "quantizer" not in name}
    assert all(torch.allclose(weights[name], value, rtol=0, atol=1e-20) for name, value in floating.items())
    assert folder.has("start.safetensors")
    RunRecord(folder).network()  # as evaluate and upscale make it


def test_the_old_name_keeps_its_meaning() -> None:
    with pytest.warns(QnasDeprecationWarning, match="the field 'init' is deprecated .* use 'start'"):
        old = [Spec.model_validate({"name": "a", "train": {"init": start}}) for start in ("scratch", "supernet")]
    assert [spec.train.start for spec in old] == [None, "supernet"]
    assert [spec.start for spec in old] == ["scratch", "supernet"]


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"start": "weights"}, "the space 'basic' states no weights to start from: use scratch, or float"),
        ({"float_steps": 5}, "nothing is trained in float: leave it out, or start there"),
        ({"narrowing": [6, 8]}, "each width must be less than the one before"),
        ({"narrowing": [8, 6], "steps": 2}, "has more widths than there are steps"),
        ({"narrowing": [32]}, "less than or equal to 16"),
        ({"narrowing": [8], "steps": 0}, "has more widths than there are steps"),
        ({"start": "float", "steps": 0}, "and that is 0: set float_steps"),
        ({"steps": -1}, "greater than or equal to 0"),
    ],
)
def test_bad_input(train: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Spec.model_validate({"name": "a", "train": train})
