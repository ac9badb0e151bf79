import json

import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.components import Operation, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Architecture, Candidate, count_found, slot_candidates
from qnas.core.network.calibration import calibrate
from qnas.core.settings import SPEC_VERSION, Widths
from qnas.spaces.basic import BasicSpace

LSQ = Quantizer.of("lsq")
SPACE = Space.of(
    {
        "name": "basic",
        "channels": 6,
        "cells": 1,
        "bits": [4, [4, 8], 32],
        "operations": {
            "body": ["conv3x3", "identity", "growth3x3", {"name": "conv", "kernel": 3, "dilation": 2}],
            "skip": ["identity", "native", "separable5x5"],
        },
    }
)


def architecture(seed, choose, scale=2):
    return Architecture.from_candidates(SPACE, scale, choose(slot_candidates(SPACE, scale), seed))


def tree(network):
    return [(path, type(module), module.extra_repr()) for path, module in network.named_modules()]


@settings(max_examples=15, derandomize=True)
@given(seed=st.integers(0, 2**16), scale=st.sampled_from([2, 3, 4]))
def test_json_gives_the_same_network_again(choose, seed, scale):
    before = architecture(seed, choose, scale)
    after = Architecture.from_json(before.to_json())
    assert after == before
    assert after.to_json() == before.to_json()
    assert after.candidates() == before.candidates()

    torch.manual_seed(seed)
    first, second = before.build(LSQ), after.build(LSQ)
    assert tree(first) == tree(second)
    assert sum(p.numel() for p in first.parameters()) == sum(p.numel() for p in second.parameters())
    counts = [count_found(a.space, a.scale, a.candidates(), LSQ) for a in (before, after)]
    assert counts[0] == counts[1]

    image = torch.rand(1, 3, 6, 8)
    calibrate(first.eval(), lambda: first(image))
    second.eval().load_state_dict(first.state_dict())
    assert torch.equal(first(image), second(image))


def test_every_slot_holds_what_the_architecture_says(choose):
    found = architecture(3, choose).build(LSQ)
    for path, candidate in architecture(3, choose).candidates().items():
        operation = found.get_submodule(path).operation
        convolutions = [m for m in operation.modules() if isinstance(m, torch.nn.Conv2d)]
        assert bool(convolutions) == (candidate.widths is not None)
        assert {c.widths for c in convolutions} <= {candidate.widths}


def test_an_unquantized_operation_has_null_widths_in_json(choose):
    chosen = choose(slot_candidates(SPACE, 2), 0)
    chosen["body.0.body.skip"] = Candidate(Operation.of("identity"), None)
    slots = json.loads(Architecture.from_candidates(SPACE, 2, chosen).to_json())["slots"]
    assert slots["body.0.body.skip"] == {
        "operation": {"name": "identity"},
        "weight_bits": None,
        "activation_bits": None,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=99), "version: was written by a newer qnas, and this one knows versions up to "),
        (lambda d: d.update(extra=1), "extra: unknown field"),
        (lambda d: d.pop("slots"), "slots: Field required"),
        (lambda d: d.update(scale="two"), "scale: "),
        (lambda d: d.update(scale=5), "can't do scale 5"),
        (lambda d: d.update(space="bsic"), "no space is named 'bsic'; did you mean 'basic'"),
        (lambda d: d["space"].update(chanels=3), "did you mean 'channels'"),
        (lambda d: d["space"].update(bits=[1]), "space.bits.0: .*2 to 16"),
        (lambda d: d["space"].update(operations={"tial": ["conv1x1"]}), "no such role"),
        (lambda d: d["slots"].pop("head.0"), r"differ in: head\.0\)"),
        (lambda d: d["slots"].update(other=d["slots"]["head.0"]), r"differ in: other\)"),
        (lambda d: d["slots"]["head.0"].update(operation="conv33"), "did you mean 'conv3x3'"),
        (lambda d: d["slots"]["head.0"].update(operation="conv7x7"), r"slots\.head\.0: conv7x7 @ .* not a candidate"),
        (lambda d: d["slots"]["head.0"].update(weight_bits=3), r"slots\.head\.0: .* is not a candidate"),
        (lambda d: d["slots"]["head.0"].update(weight_bits=None), r"slots\.head\.0: .* is not a candidate"),
        (lambda d: d["slots"]["head.0"].update(weight_bits=4.5), r"slots\.head\.0\.weight_bits: "),
        (lambda d: d["slots"].update({"head.0": "conv3x3"}), r"slots\.head\.0: "),
    ],
)
def test_a_wrong_architecture_is_an_input_error_that_says_where(change, message, choose):
    data = json.loads(architecture(0, choose).to_json())
    change(data)
    with pytest.raises(InputError, match=message):
        Architecture.from_json(json.dumps(data), "found.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "nonsense", '{"version": 1}', "{'version': 1}", "\x00"])
def test_malformed_json_is_an_input_error_that_names_the_file(text):
    with pytest.raises(InputError, match=r"^found\.json: "):
        Architecture.from_json(text, "found.json")


def test_an_impossible_scale_names_the_file_too(choose):
    data = json.loads(architecture(0, choose).to_json())
    with pytest.raises(InputError, match=r"^found\.json: "):
        Architecture.from_json(json.dumps({**data, "scale": 5}), "found.json")


def test_an_architecture_of_a_space_made_in_python_survives_json(choose):
    space = BasicSpace(channels=6, cells=1)
    before = Architecture.from_candidates(space, 2, choose(slot_candidates(space, 2), 0))
    assert Architecture.from_json(before.to_json()) == before


def test_mixed_widths_are_kept_apart(choose):
    chosen = choose(slot_candidates(SPACE, 2), 0)
    chosen["head.0"] = Candidate(Operation.of("conv3x3"), Widths(4, 8))
    slot = json.loads(Architecture.from_candidates(SPACE, 2, chosen).to_json())["slots"]["head.0"]
    assert (slot["weight_bits"], slot["activation_bits"]) == (4, 8)


@pytest.mark.parametrize("version", [None, 1])
def test_one_from_before_versions_has_the_defaults_of_the_first(version, choose, registered):
    class Grown(BasicSpace):
        earlier_defaults = {1: {"residual": "adadm"}}

    kept = json.loads(architecture(0, choose).to_json())
    assert kept["version"] == SPEC_VERSION
    kept["space"]["name"], kept["version"] = registered(Grown), version
    del kept["space"]["residual"]
    read = Architecture.from_json(json.dumps({key: value for key, value in kept.items() if value is not None}))
    assert (read.version, read.space.residual.name) == (1, "adadm")
