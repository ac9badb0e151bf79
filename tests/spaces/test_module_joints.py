"""Joints at the sums, products and concatenations in code of others."""

import copy
import shutil
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save

from qnas.core.cli.main import invoke
from qnas.core.components import Quantizer, Space, Target
from qnas.core.deploy.foresight import foresee
from qnas.core.deploy.lowering import lower
from qnas.core.errors import InputError
from qnas.core.files.folder import RunFolder
from qnas.core.network import build_found, slot_candidates
from qnas.core.network.calibration import calibrate_for_training
from qnas.core.run.record import RunRecord
from qnas.core.run.resuming.stop import Stop
from qnas.core.run.run import run_spec
from qnas.core.spec import read_spec

HERE = Path(__file__).parent
LSQ = Quantizer.of("lsq")
SIGNED, UNSIGNED = (-128, 127), (0, 255)


@pytest.fixture(autouse=True, scope="module")
def nets():
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


def space_of(name):
    return Space.of({"name": "module", "target": f"meeting_nets:{name}", "bits": [8]})


def build(name, between=8):
    space = space_of(name)
    chosen = {path: options[0] for path, options in slot_candidates(space, 2).items()}
    return build_found(space, 2, chosen, LSQ, between)


def found(name, between=8):
    torch.manual_seed(0)
    network = build(name, between)
    calibrate_for_training(network, lambda: network(torch.rand(2, 3, 24, 24)))
    return network.eval()


def joints_of(network):
    return [module for path, module in network.named_modules() if path.rpartition(".")[0].endswith("beyond")]


def residual(n, x, q, last=torch.clone):
    y = q(x + n.b(F.relu(n.a(x))))
    return last(y + n.c(y))


def scaled(n, x, q):
    y = q(x + 0.5 * n.a(x))
    return n.b(y) - n.c(y)


def in_place(n, x, q):
    y = q(n.a(x) + x)
    return n.b(y) + n.c(y)


def concatenated(n, x, q):
    x = F.relu(x)
    y = q(torch.cat([x, F.relu(n.a(x))], 1))
    return n.merge(y) + y[:, 4:]


def gated(n, x, q):
    y = q(x * torch.sigmoid(n.a(x)))
    return n.b(y) + n.c(y)


def twice(n, x, q):
    y = q(x + n.block.conv(x))
    return n.c(y + n.block.conv(y))


def rectified(n, x, q):
    y = F.relu(q(x + n.a(x)))
    return n.b(y) + n.c(y)


def looped(n, x, one, two):
    x = one(x + n.a(x))
    x = two(x + n.b(x))
    return x + n.c(x)


BY_HAND = {
    "Residual": (residual, [SIGNED]),
    "Scaled": (scaled, [SIGNED]),
    "InPlace": (in_place, [SIGNED]),
    "Concatenated": (concatenated, [UNSIGNED]),
    "Gated": (gated, [SIGNED]),
    "Twice": (twice, [SIGNED]),  # the second time, the sum leads straight into a slot
    "Rectified": (rectified, [UNSIGNED]),
    "Looped": (looped, [SIGNED, SIGNED]),
    "OneByOne": (lambda n, x, *q: torch.cat([residual(n, image[None], *q) for image in x]), [SIGNED, SIGNED]),
    "Dropping": (looped, [SIGNED, SIGNED]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_joints_are_where_one_would_write_them(name):
    network, images = found(name), torch.rand(3, 3, 17, 19)
    by_hand, grids = BY_HAND[name]
    joints = joints_of(network)
    assert [joint.quantizer.grid()[1:3] for joint in joints] == grids
    with torch.no_grad():
        for number, joint in enumerate(joints):  # other steps than those of the slots behind them, and of each other
            joint.quantizer.log_step += 0.3 + 0.2 * number
        expected = network.tail(by_hand(network, network.head(images), *joints))
        assert torch.equal(network(images), expected)
        without = network.tail(by_hand(network, network.head(images), *[torch.clone] * len(joints)))
    assert not torch.equal(without, expected)


@pytest.mark.parametrize("name", ["Base", "WithImage", "Weighted"])
def test_where_no_feature_maps_meet_or_the_image_is_made_there_are_none(name):
    network = found(name)
    assert not joints_of(network)
    assert network.forward == type(network).forward.__get__(network)


def test_a_sequence_does_not_run_them_as_its_layers():
    network, image = found("sequence"), torch.rand(1, 3, 17, 19)
    head, one, _, tail, shuffle = network
    (joint,) = joints_of(network)
    y = joint(head(image) + one.conv(head(image)))
    assert torch.equal(network(image), shuffle(tail(y + network[2].conv(y))))


@pytest.mark.parametrize("name", ["Residual", "sequence"])
def test_without_integers_between_a_network_is_as_it_was(name):
    network = found(name, None)
    assert not any("beyond" in path for path, _ in network.named_modules())
    assert "forward" not in vars(network)


def test_looking_for_joints_changes_no_weight_and_no_random_number():
    torch.manual_seed(0)
    plain = build("Dropping", None).state_dict()
    drawn = torch.get_rng_state()
    torch.manual_seed(0)
    network = build("Dropping")
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in plain.items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_they_are_trained_saved_and_copied_with_the_network():
    network, images = found("InPlace"), torch.rand(2, 3, 16, 16)
    network.train()(images).square().mean().backward()
    (joint,) = joints_of(network)
    assert joint.quantizer.log_step.grad.abs() > 0
    expected = network.eval()(images)
    again = build("InPlace").eval()
    again.load_state_dict(load(save(network.state_dict())))
    assert torch.equal(again(images), expected)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    assert not torch.equal(network(images), expected)
    assert torch.equal(copied(images), expected)  # it shares nothing with the other


@pytest.mark.slow  # PyTorch imports much for it
def test_they_use_the_weights_that_a_functional_call_gives():
    network, other, images = found("InPlace"), build("InPlace").eval(), torch.rand(2, 3, 16, 16)
    assert torch.equal(torch.func.functional_call(other, network.state_dict(), images), network(images))


def test_a_network_that_was_stopped_leaves_no_mode_behind():
    network = found("Residual")

    def stop(*_):
        raise KeyboardInterrupt

    handle = network.c.register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        network(torch.rand(1, 3, 8, 8))
    handle.remove()
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Choosing", "other images or weights change where it adds, multiplies or concatenates"),
        pytest.param(
            "Checkpointed",
            "it computes parts again for their gradient: turn checkpointing off",
            marks=pytest.mark.slow,  # PyTorch imports much for it
        ),
    ],
)
def test_what_cannot_have_them_is_refused_before_the_search(name, reason):
    assert foresee(space_of(name), 2, LSQ, None, []) == []
    with pytest.raises(InputError, match=rf"^the network can't have integers between its slots \(.*\): {reason}$"):
        foresee(space_of(name), 2, LSQ, 8, [])


def test_lowered_sums_and_concatenations_become_integers_at_once():
    meeting = {torch.ops.aten.add.Tensor, torch.ops.aten.cat.default}
    nodes = [node for node in lower(found("Concatenated")).program.graph.nodes if node.target in meeting]
    assert {node.target for node in nodes} == meeting
    quantize = torch.ops.quantized_decomposed.quantize_per_tensor.default
    assert all({user.target for user in node.users} == {quantize} for node in nodes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Residual", "InPlace"])
def test_in_a_file_no_sum_is_left_in_float(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network, target, image = found(name), Target.of("onnxruntime"), torch.rand(1, 3, 21, 18)
    target.write(lower(network).program, tmp_path / "file.onnx")
    graph = onnx.load(tmp_path / "file.onnx").graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    taken_by = [(name, node.op_type) for node in graph.node for name in node.input]
    meetings = [node for node in graph.node if node.op_type in {"Add", "Concat", "Mul", "Sub"}]
    assert meetings
    for node in meetings:
        assert {made_by[name] for name in node.input} <= {"DequantizeLinear", "Relu", "Slice"}
        assert {taker for name, taker in taken_by if name in node.output} == {"QuantizeLinear"}
    with torch.no_grad():
        expected = network(image).numpy()
    assert abs(target.load(tmp_path / "file.onnx")(image.numpy()) - expected).max() < 1 / 255


RUN = """\
name: joints
scale: 2
space: {{name: module, target: "meeting_nets:InPlace", bits: [4, 8]}}
data:
  train: {{name: dead-leaves, amount: 12, size: 32}}
  test: {{leaves: {{name: dead-leaves, amount: 2, size: 48, seed: 1}}}}
  validation: 2
  patch: 8
search: {{steps: 6, epochs: 3, batch: 2, alpha_learning_rate: 0.1}}
train: {{steps: 6, batch: 2, validations: 3}}
{more}
"""
JOINT = "head.beyond.0.quantizer.log_step"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the spec, with lines added to it, into a folder of that name."""
    monkeypatch.syspath_prepend(str(HERE))

    def run(name, more):
        (tmp_path / f"{name}.yaml").write_text(RUN.format(more=more))
        assert invoke(["run", str(tmp_path / f"{name}.yaml"), "--out", str(tmp_path / name)]) == 0
        return RunRecord(RunFolder(tmp_path / name))

    return run


@pytest.mark.slow
def test_a_run_trains_exports_and_enlarges_with_them(run, tmp_path):
    pytest.importorskip("onnxruntime")
    whole = run("whole", "target: onnxruntime")
    assert JOINT in whole.network().state_dict()
    assert (whole.path / "export" / "onnxruntime.onnx").exists()  # proven to give the same images
    parted = tmp_path / "parted"
    shutil.copytree(whole.path, parted)
    for left in ("train", "evaluate", "export", "report"):
        shutil.rmtree(parted / left)
    (parted / "model.safetensors").unlink()
    (parted / "result.json").unlink()
    stop = Stop()
    stop.signal = 15
    with pytest.raises(KeyboardInterrupt):
        run_spec(read_spec(parted / "spec.yaml").spec, RunFolder(parted), resume=True, stop=stop)
    assert invoke(["run", str(parted / "spec.yaml"), "--out", str(parted), "--resume"]) == 0
    assert (parted / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_network_that_was_trained_without_is_given_them_afterwards(run, tmp_path):
    parent, child = run("parent", ""), tmp_path / "child"
    assert JOINT not in parent.network().state_dict()
    assert invoke(["derive", str(parent.path), "--between", "8", "--steps", "4", "-o", str(child)]) == 0
    assert JOINT in RunRecord(RunFolder(child)).network().state_dict()
