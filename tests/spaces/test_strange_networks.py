"""Networks as strangers write them: each is refused in one line, or used afterwards exactly as it was trained."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, strategies as st
from safetensors.torch import load, save

from qnas.core.cli.main import invoke
from qnas.core.components import Operation, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.images.patches import to_tensor
from qnas.core.network import Supernet, build_found, count_found, find_slots, refuse_broken, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.training.machine import place
from qnas.core.upscale.tiles import Upscaler

from ..fuzz import fuzzed

CPU = torch.device("cpu")
HERE = Path(__file__).parent
IMAGE = np.random.default_rng(0).integers(0, 256, (19, 14, 3), dtype=np.uint8)
LSQ = Quantizer.of("lsq")


@pytest.fixture(autouse=True, scope="module")
def nets():
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


def space(name, **fields):
    return Space.of({"name": "module", "target": f"strange_nets:{name}", "weights": "module", "bits": [8], **fields})


def step(network, run):
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        run(to_tensor(np.stack([IMAGE, IMAGE[::-1]]), CPU)).mean().backward()
        optimizer.step()


def check_trained_is_used(space):
    """Searched and trained for two steps, saved, and loaded into another build, it enlarges an image the same way."""
    refuse_broken(space, 2, (8, 8))
    supernet = place(Supernet(space, 2, Quantizer.of("noise")), CPU)
    step(supernet, lambda image: supernet(image, supernet.probabilities()))
    chosen = {path: options[-1] for path, options in slot_candidates(space, 2).items()}
    network = place(build_found(space, 2, chosen, LSQ), CPU)
    calibrate(network.train(), lambda: network(to_tensor(IMAGE[None].repeat(2, 0), CPU)))
    step(network, network)
    expected = Upscaler(network.eval(), 2, CPU)(IMAGE)
    kept = save({name: value.detach().clone().contiguous() for name, value in network.state_dict().items()})
    again = build_found(space, 2, chosen, LSQ)
    again.load_state_dict(load(kept))
    again.eval()
    np.testing.assert_array_equal(Upscaler(again, 2, CPU)(IMAGE), expected)
    with torch.no_grad():
        plainly = again(to_tensor(IMAGE[None], CPU))[0].mul(255).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(plainly - expected).max() <= 1  # a value halfway between two levels may be rounded to either
    assert count_found(space, 2, chosen, LSQ)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PlainTensor", "two builds .* with the same weights: the tensor 'directions' is in no state dict"),
        ("NotPersistent", "two builds .*: the buffer 'directions' is not persistent: register it with"),
        (
            "Listed",
            "two builds .*: the weights 'layers.0.weight' are of a module in a plain list or attribute",
        ),
        ("Closed", "two builds .*: the tensor 'scaled.gain' is in no state dict"),
        ("NumberDrawn", "two builds .*: 'settings.gain' is in no state dict"),
        (
            "OwnGenerator",
            "gives another result for an image once it has seen others: 'numbers.state' is in no",
        ),
        ("NoiseInEvaluation", "draws random numbers in evaluation mode: it may do so only while it trains"),
        ("PythonsNoiseInEvaluation", "draws random numbers in evaluation mode: it may do so only while it trains"),
        ("Counting", "gives another result for an image once it has seen others: 'calls' is in no state dict"),
        ("FirstSeen", "two builds .*: the tensor 'mean' is in no state dict: make it a buffer, by register_buffer"),
        (
            "CountingElsewhere",
            "gives another result for an image once it has seen others: something that it draws, counts or",
        ),
        ("Lazy", "makes between.weight only once it sees an image: give its lazy layers their sizes"),
        ("MadeAtFirst", "has other weights once it has run, such as late.bias: make all of it in the constructor"),
        ("Fused", "changes in evaluation mode, such as fused.bias: make all of it in the constructor, and keep it"),
        ("FusedInPlace", "gives another result for an image once it has seen others"),
        (
            "OtherWidths",
            "two builds of .* have different weights, such as squeeze.0.operation.bias: make the same",
        ),
        ("ExtraState", "has _extra_state in its state dict, which is not a tensor: a run saves only tensors"),
        ("Detached", "can't be trained: RuntimeError: element 0 of tensors does not require grad"),
        ("TrainedByTwo", "returns no image in training mode, but a tuple: name the image in 'output'"),
        ("OneByOneOnly", r"can't run on an image of 32 x 32: RuntimeError: shape '\[4, 32, 32\]' is invalid"),
        ("same", r"returns the same network each time: it must make a new one \(or a deepcopy\)"),
        ("SamePart", "has the same 'part.0' in each network: it must make a new one each time"),
        ("SameWeight", "has the same 'weight' in each network: it must make a new one each time"),
    ],
)
def test_another_network_each_time_is_refused_alike_by_check_and_run(name, message, tmp_path, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"space: {{name: module, target: 'strange_nets:{name}', weights: module}}\n")
    said = []
    for command in (["check", str(spec)], ["run", str(spec), "--out", str(tmp_path / "out")]):
        assert invoke(command) == 2
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    (line,) = said[0].splitlines()
    assert line.startswith(f"{spec}:1:")
    assert "meta" not in line
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(line)


@pytest.mark.parametrize(
    "name",
    [
        "Persistent",
        "Constant",
        "MadeInForward",
        "ReadsValues",
        "ByNumpy",
        "Dropping",
        "Skipping",
        "Normed",
        "Unbatched",
        "Viewing",
        "InMemory",
        "Squeezed",
        "ChangesItsImage",
        "ThroughData",
        "Reparametrized",
        "Routed",
        "Attentive",
    ],
)
def test_what_was_trained_is_what_is_used(name):
    torch.manual_seed(0)
    check_trained_is_used(space(name))


def test_looking_at_a_network_changes_no_random_numbers():
    first = space("Dropping")
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    refuse_broken(first, 2, (8, 8))
    assert torch.equal(torch.rand(1), expected)


def signs(name):
    return {path: shape.signed for path, shape in find_slots(space(name).build(2)).items()}


def test_what_is_negative_is_signed_though_autograd_says_otherwise():
    assert signs("ThroughData") == {"head": True, "body": False, "tail.0": True}
    assert signs("Base") == {"head": False, "body": False, "tail.0": True}


def test_a_convolution_that_one_mode_runs_is_left_alone():
    assert list(signs("Reparametrized")) == ["head", "body", "tail.0"]
    assert space("Reparametrized").notices(2)[:2] == [
        "'side' is left alone, in float: the network runs it in training mode only",
        "'merged' is left alone, in float: the network runs it in evaluation mode only",
    ]


def test_layers_that_values_choose_between_are_left_alone():
    assert list(signs("Routed")) == ["head", "body", "tail.0"]
    (line, *_) = space("Routed").notices(2)
    assert (
        line == "'experts.0' and 1 more are left alone, in float; each because the network runs it for some images only"
    )


def test_a_layer_that_training_leaves_out_at_random_is_opened():
    assert "layer" in signs("Skipping")


def test_layers_that_multiply_and_stay_in_float_are_noticed():
    assert space("Attentive").notices(2)[:4] == [
        "'up' is left alone, in float: it is a transposed convolution",
        "'attention' is left alone, in float: it is an attention",
        "'first' and 1 more are left alone, in float; each because it is a linear layer",
        "'along' is left alone, in float: it is a 1-D convolution",
    ]


def test_an_image_by_itself_costs_what_it_costs_among_others():
    chosen = {path: options[-1] for path, options in slot_candidates(space("Base"), 2).items()}
    one, other = (count_found(space(name), 2, chosen, LSQ) for name in ("Base", "Unbatched"))
    assert one == other


@given(parts=st.data())
@fuzzed(20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_generated_network_is_refused_or_what_was_trained_is_used(parts):
    import strange_nets

    names = parts.draw(st.lists(st.sampled_from(sorted(strange_nets.PARTS)), min_size=1, max_size=3))
    torch.manual_seed(0)
    made = space("Generated", arguments={"parts": names})
    try:
        fitting = [p for p, s in find_slots(made.build(2)).items() if not Operation.of("identity").unfit(s)]
        rules = [{"match": path, "operations": ["native", "identity"]} for path in fitting]
        check_trained_is_used(space("Generated", arguments={"parts": names}, slots=rules))
    except InputError as error:
        assert strange_nets.REFUSED & set(names), error
        assert len(str(error).splitlines()) == 1
        assert "meta" not in str(error)
    else:
        assert not strange_nets.REFUSED & set(names)
