"""The published specs follow QuantNAS's published code, as written down in section 9 of the method."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from qnas.core.components import Quantizer
from qnas.core.network import Supernet, build_found, count_found, open_network, slot_candidates
from qnas.core.network.mixing.mixed import MixedActivation
from qnas.core.spec import Spec, read_spec
from qnas.plugins.residuals.adaptive import ADQ

ROOT = Path(__file__).resolve().parents[2] / "specs/published"
FLOAT = Quantizer.of("none")


@pytest.fixture(scope="module", params=["basic", "rfdn"])
def published(request: pytest.FixtureRequest) -> Spec:
    return read_spec(ROOT / f"quantnas-{request.param}.yaml").spec


@pytest.fixture(scope="module")
def supernet(published: Spec) -> Supernet:
    with torch.device("meta"):
        return Supernet(published.space, published.scale, published.quantizer.search)


def test_every_convolution_reads_what_a_relu_leaves_and_has_no_bias(supernet: Supernet) -> None:
    """All but the first one of the basic space, which reads the image."""
    convolutions = [m for m in supernet.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions and not any(m.bias is not None for m in convolutions)
    shapes = {path: slot.shape for path, slot in supernet.slots.items()}
    assert {path for path, shape in shapes.items() if shape.activation != "relu"} <= {"head.0"}
    assert not any(shape.signed for shape in shapes.values())
    inside = [o.modules() for slot in supernet.slots.values() for o in slot.operations]
    between = [m.activation for m in itertools.chain(*inside) if isinstance(m, MixedActivation)]
    assert between and all(isinstance(activation, nn.ReLU) for activation in between)


def test_adq_stands_around_cells_and_in_the_basic_space_around_skip_and_tail(published: Spec) -> None:
    with torch.device("meta"):
        network = open_network(published.space, published.scale)
    around = {path for path, module in network.named_modules() if isinstance(module, ADQ)}
    basic = {"body.0", "body.1", "body.2", "trunk", "refine"}
    assert around == (basic if published.space.name == "basic" else {f"body.{block}" for block in range(4)})


def test_growth_has_48_channels_in_every_slot(published: Spec) -> None:
    candidates = slot_candidates(published.space, published.scale)
    growths = {path: [c for c in options if "growth" in c.label] for path, options in candidates.items()}
    if published.space.name == "basic":
        assert not any(growths.values())
        return
    grown = {path: options[-1] for path, options in growths.items() if options}
    assert {"upsample.0", "tail.0", "body.3.body.distill.2", "body.0.body.refine.3"} < set(grown)
    chosen = {path: options[0] for path, options in candidates.items()} | grown
    counted = [c for c in count_found(published.space, published.scale, chosen, FLOAT) if c.path.endswith(".0")]
    assert {c.out_channels for c in counted if c.path.split(".operation.")[0] in grown} == {48}


def test_candidates_are_those_of_the_code(published: Spec, supernet: Supernet) -> None:
    by_role = {slot.shape.role: {c.operation.label for c in slot.candidates} for slot in supernet.slots.values()}
    if published.space.name == "basic":
        around = {"conv3x3", "conv5x5", "conv3x3g3", "conv5x5g3"}
        assert by_role["head"] == by_role["upsample"] == around
        assert by_role["tail"] == around | {"conv1x1"}
        assert by_role["skip"] == {"conv1x1", "conv3x3", "conv5x5"}
    else:
        assert len(by_role["distill"]) == len(by_role["refine"]) == len(by_role["upsample"]) == 9
        assert len(by_role["tail"]) == 6
        assert by_role["fusion"] == by_role["attention"] == {"native"}


def test_cells_share_a_choice_in_the_basic_space_only(published: Spec, supernet: Supernet) -> None:
    assert (supernet.leaders is not None) == (published.space.name == "basic")


def test_crops_are_those_of_the_code(published: Spec) -> None:
    """From images of DIV2K's usual size, they make as many as method.md states for 800 images: about 367,000."""
    crop = published.data.crop
    assert crop is not None and published.data.degradation.label == "pillow" and published.data.augment == "flips"
    rows, columns = ((side - crop.size) // crop.stride + 1 for side in (1356, 2040))
    assert round(800 * rows * columns, -3) == 367_000
    assert published.train.steps == pytest.approx(30 * 367_000 / 32, rel=0.01)
    assert published.search.planned_steps() == pytest.approx(20 * 0.35 * 367_000 / 32, rel=0.01)


def test_weights_are_quantized_by_lsq_and_activations_by_hwgq_of_fixed_steps(published: Spec) -> None:
    chosen = {path: options[0] for path, options in slot_candidates(published.space, published.scale).items()}
    with torch.device("meta"):
        found = build_found(published.space, published.scale, chosen, published.quantizer.train)
    kinds = {(name.split(".")[-1], type(m).__name__) for name, m in found.named_modules() if "quantizer" in name}
    assert {kind for kind, _ in kinds} == {"quantizer", "weight_quantizer"}
    assert {name for kind, name in kinds if kind == "quantizer"} == {"HWGQFakeQuantizer"}
    assert not {name for kind, name in kinds if kind == "weight_quantizer"} & {"HWGQFakeQuantizer"}
    assert not any(m.measured for m in found.modules() if type(m).__name__ == "HWGQFakeQuantizer")
    assert json.loads(published.quantizer.model_dump_json())["search"]["distribution"] == "gaussian"
