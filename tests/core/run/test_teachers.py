"""Teachers of a run: where they come from, and which are refused."""

import json
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from qnas.core.cli.main import invoke
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.network import build_original
from qnas.core.run.run import run_spec
from qnas.core.run.teachers import find_teachers
from qnas.core.spec import Spec, read_spec
from qnas.core.training.machine import Machine

from ... import found_run
from ...conftest import TINY
from .test_resume import assert_identical, run_in_pieces

MACHINE = Machine(torch.device("cpu"))
IMAGE = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
NETWORK = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, scale=2, width=4):
        super().__init__()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)
        self.up = nn.PixelShuffle(scale)

    def forward(self, image):
        return self.up(self.tail(torch.relu(self.head(image))))
"""
pytestmark = pytest.mark.filterwarnings("ignore:.*has no checksum")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small spec, a network of the user's, its weights, and a run at scale 2."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(TINY.replace("bits: [4, 8]", "bits: [4]\n  operations: [native]"))
    Path("mine.py").write_text(NETWORK)
    torch.manual_seed(5)
    weights = {f"{part}.{name}": value for part, layer in layers().items() for name, value in layer.items()}
    save_file(weights, "mine.safetensors")
    found_run.write_run(Path("large"))
    return tmp_path


def layers() -> dict[str, dict[str, torch.Tensor]]:
    return {
        "head": dict(nn.Conv2d(3, 4, 3).state_dict()),
        "tail": dict(nn.Conv2d(4, 12, 3).state_dict()),
    }


def mine(image: torch.Tensor) -> torch.Tensor:
    """The user's network with the weights of the file, by hand."""
    kept = load_file("mine.safetensors")
    hidden = F.relu(F.conv2d(image, kept["head.weight"], kept["head.bias"], padding=1))
    return F.pixel_shuffle(F.conv2d(hidden, kept["tail.weight"], kept["tail.bias"], padding=1), 2)


def spec_of(*overrides: str) -> Spec:
    return read_spec(Path("spec.yaml"), overrides).spec


def teacher(*overrides: str, folder: str = "run", stage: str = "train") -> nn.Module:
    (network,) = find_teachers(spec_of(*overrides), stage, RunFolder(Path(folder)), MACHINE).values()
    return network


MODULE = "{name: module, target: 'mine:Net', weights: mine.safetensors}"


@pytest.mark.parametrize(
    "overrides",
    [
        [f"loss={{distill: {{teacher: {{module: {MODULE}}}}}}}"],
        [f"space={MODULE}", "loss={distill: {teacher: weights}}"],
    ],
    ids=["module", "weights"],
)
def test_the_user_s_float_weights_teach(workplace: Path, overrides: list[str]) -> None:
    network = teacher(*overrides)
    torch.testing.assert_close(network(IMAGE), mine(IMAGE))
    assert not network.training


def test_another_run_teaches(workplace: Path) -> None:
    network = found_run.write_run(Path("large"))
    taught = teacher("train.loss={l1: 1, distill: {teacher: {run: large}}}")
    torch.testing.assert_close(taught(IMAGE), network(IMAGE))
    assert not find_teachers(spec_of(), "search", RunFolder(Path("run")), MACHINE)


def test_loading_a_teacher_draws_no_random_number(workplace: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    teacher("loss={distill: {teacher: {run: large}}}")
    assert torch.equal(torch.rand(3), expected)


FRESH = (
    "the space 'basic' starts from fresh weights, so there is nothing to learn from it: let its 'weights' name a file,"
    " or use another teacher"
)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("weights", FRESH),
        ("{run: nowhere}", "nowhere: there is no run in the folder (no spec.yaml in it)"),
        ("{run: other}", "other enlarges by 3, but the scale of this spec is 2"),
        ("{module: {name: basic}}", FRESH),
        (
            "{module: {target: 'mine:Net', weights: module, arguments: {scale: 3}}}",
            ".module.target: mine:Net makes (1, 3, 96, 96) of an image of (1, 3, 32, 32), not (1, 3, 64, 64)"
            ": it enlarges by 3, so set scale: 3",
        ),
        (
            "{module: {target: 'mine:Net', weights: gone.pth}}",
            ".module.weights: can't read {folder}/gone.pth: No such file or directory",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str], teacher: str, message: str
) -> None:
    found_run.write_run(Path("other"), scale=3)
    text = f"{Path('spec.yaml').read_text()}loss:\n  l1: 1\n  distill: {{teacher: {teacher}}}\n"
    Path("spec.yaml").write_text(text)
    for command in (["check", "spec.yaml"], ["run", "spec.yaml"]):
        assert invoke(command) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "began" not in line]
        place, _, told = line.partition(": loss.distill.teacher")
        assert place.startswith("spec.yaml:18:")
        assert told.removeprefix(": ") == message.replace("{folder}", str(workplace))
    assert not Path("runs").exists()


def test_features_need_a_shared_slot(workplace: Path) -> None:
    module = "{module: {target: 'mine:Net', weights: module}}"
    with pytest.raises(InputError, match="the teacher has no slot of the space"):
        teacher(f"loss={{distill: {{teacher: {module}, features: 1}}}}")


def test_without_code_of_others_no_module_teaches(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("spec.yaml").write_text(
        f"{Path('spec.yaml').read_text()}loss: {{distill: {{teacher: {{module: {MODULE}}}}}}}\n"
    )
    assert invoke(["check", "--no-code", "spec.yaml"]) == 2
    assert "--no-code" in capsys.readouterr().err


def test_a_teacher_that_has_changed_is_refused(workplace: Path) -> None:
    loss = "loss={distill: {teacher: {run: large}}}"
    teacher(loss)
    teacher(loss)
    assert list(json.loads(Path("run/teachers.json").read_text())) == ['{"run": "large"}']
    weights = load_file("large/model.safetensors")
    name = next(name for name in weights if name.endswith("weight"))
    save_file({**weights, name: weights[name] + 1}, "large/model.safetensors")
    with pytest.raises(InputError, match="is not the network that this run began to learn from") as caught:
        teacher(loss)
    assert caught.value.field == ("loss", "distill", "teacher")


@pytest.mark.slow
def test_it_is_no_part_of_the_weights(workplace: Path) -> None:
    loss = "loss={l1: 1, distill: {teacher: {run: large}, features: 0.1}}"
    small = ("train.steps=2", "train.validations=1")
    with warnings.catch_warnings(action="ignore"):
        for name, overrides in (("with", (loss, *small)), ("without", small)):
            run_spec(spec_of(*overrides), RunFolder(Path(name)), until="train")
    ours, theirs = (load_file(f"{name}/model.safetensors") for name in ("with", "without"))
    assert ours.keys() == theirs.keys()
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    (line,) = Path("with/train/history.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert list(told["losses"]) == ["l1", "distill"]
    assert sum(told["losses"].values()) == pytest.approx(told["loss"], rel=1e-5)
    assert "losses" not in json.loads(Path("without/train/history.jsonl").read_text())
    assert " + distill " in Path("with/run.log").read_text()


@pytest.mark.slow
def test_stopped_after_every_second_step_it_ends_the_same(workplace: Path) -> None:
    spec = spec_of(
        "loss={charbonnier: 1, distill: {teacher: {run: large}, features: 0.1}}",
        *(
            "space.bits=[4, 8]",
            "search.on_divergence=lower-rate",
            "train.on_divergence=lower-rate",
            "precision=bfloat16",
        ),
    )
    with warnings.catch_warnings(action="ignore"):
        run_spec(spec, RunFolder(Path("whole")), until="evaluate")
        run_in_pieces(spec, Path("pieces"), 2)
    assert_identical(Path("pieces"), Path("whole"))


@pytest.mark.slow
def test_the_network_in_float_teaches_once_it_is_trained(workplace: Path) -> None:
    """The search and the stage in float leave out what they can't learn from yet."""
    spec = spec_of("loss={charbonnier: 1, distill: {weight: 0.5, teacher: float, features: 0.1}}", "train.steps=2")
    assert spec.needs_float
    assert [list(spec.losses_of[stage]) for stage in ("search", "float")] == [["charbonnier"]] * 2
    with warnings.catch_warnings(action="ignore"):
        run_spec(spec, RunFolder(Path("run")), until="train")
    floating = load_file("run/float/model.safetensors")
    told = {
        stage: json.loads(Path(f"run/{stage}/history.jsonl").read_text().splitlines()[0])
        for stage in ("float", "train")
    }
    assert "losses" not in told["float"]
    assert list(told["train"]["losses"]) == ["charbonnier", "distill"]
    taught = teacher("train.loss={l1: 1, distill: {teacher: float}}")
    assert all(torch.equal(value, floating[name]) for name, value in taught.state_dict().items())


def test_a_space_has_weights_where_it_says_so(workplace: Path) -> None:
    assert build_original(spec_of(f"space={MODULE}").space, 2)
    assert spec_of(f"space={MODULE}").space.has_weights
    assert not spec_of("space={name: module, target: 'mine:Net'}").space.has_weights
    assert not spec_of().space.has_weights
