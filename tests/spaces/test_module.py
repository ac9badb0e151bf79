"""The space of a third-party network."""

import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from qnas.core.cli.main import invoke
from qnas.core.components import Operation, Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Architecture, Candidate, Supernet, build_found, slot_candidates
from qnas.core.settings import FLOAT
from qnas.core.spec import load_spec

HERE = "other_nets"
NETWORKS = '''
import torch
from torch import nn


class Plain(nn.Module):
    """conv - ReLU - conv - pixel shuffle; one number beside."""

    def __init__(self, scale=2, width=4, refine=None):
        super().__init__()
        last = nn.Conv2d(width, 3 * scale**2, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), last)
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.shuffle = nn.PixelShuffle(scale)
        self.refine = refine

    def forward(self, x):
        x = self.gain * self.shuffle(self.body(x))
        return x if self.refine is None else self.refine(x)


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.up = nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(4, 3, 2, 2)

    def forward(self, x):
        return self.up(self.first(x))


class Wrapped(Plain):
    def forward(self, x):
        return {"image": super().forward(x), "other": 1}


class Broken(Plain):
    def forward(self, x):
        raise RuntimeError("no such luck\\nsecond line")


class Blockwise(Plain):
    """Takes only sizes that are multiples of 4."""

    def forward(self, x):
        if x.shape[2] % 4 or x.shape[3] % 4:
            raise ValueError("multiples of 4 only")
        return super().forward(x)


class Unconvolved(nn.Module):
    def forward(self, x):
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Functional(Plain):
    def forward(self, x):
        y = super().forward(x)
        kernel = x.new_ones(48, 3, 9, 9)
        return y + 0 * nn.functional.conv2d(x, kernel, padding=4).mean()


class Lucky(Plain):
    """Draws from the other generators."""

    def __init__(self):
        super().__init__()
        import random

        import numpy as np

        self.gain.data.fill_(random.random() + np.random.rand())


class Classy(Plain):
    def forward(self, x):
        for layer in self.body:
            x = 2 * layer(x) if isinstance(layer, nn.Conv2d) else layer(x)
        return self.shuffle(x)


class Curious(Plain):
    def forward(self, x):
        return super().forward(x.to(self.body[0].weight.dtype))


class Exiting(Plain):
    def __init__(self):
        raise SystemExit(3)


def number():
    return 3


constant = 3


class Random(Plain):
    def __init__(self):
        super().__init__()
        self.rates = [x.item() for x in torch.linspace(0, 1, 3)]
        self.offset = torch.randn(1).item()
'''


@pytest.fixture(autouse=True)
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{HERE}.py").write_text(NETWORKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, HERE, raising=False)


def module(name="Plain", **fields):
    return Space.of({"name": "module", "target": f"{HERE}:{name}", **fields})


def original(name="Plain", **arguments):
    return getattr(__import__(HERE), name)(**arguments)


def natively(space, scale=2, quantizer="none"):
    choices = dict.fromkeys(slot_candidates(space, scale), Candidate(Operation.of("native"), FLOAT))
    return build_found(space, scale, choices, Quantizer.of(quantizer))


def test_filled_natively_with_its_own_weights_it_is_the_original():
    space = module(weights="module")
    torch.manual_seed(3)
    expected = original().eval()
    torch.manual_seed(3)
    network = natively(space).eval()
    image = torch.rand(2, 3, 7, 5)
    assert torch.equal(network(image), expected(image))


def test_fresh_slots_start_anew_but_what_is_no_slot_keeps_its_weights():
    space = module(weights="fresh", open=["body.0"])
    torch.manual_seed(3)
    expected = original()
    torch.manual_seed(3)
    network = natively(space)
    assert torch.equal(network.body[2].weight, expected.body[2].weight)
    assert network.gain.item() == 2
    assert not torch.equal(network.body[0].operation.weight, expected.body[0].weight)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file_seed_the_native_operation_and_the_supernet(suffix, tmp_path):
    weights = {name: torch.randn(value.shape) for name, value in original().state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    space = module(weights=str(path), operations=["conv5x5", "native"])
    found = natively(space)
    supernet = Supernet(space, 2, Quantizer.of("noise")).network
    for i in (0, 2):
        assert torch.equal(found.body[i].operation.weight, weights[f"body.{i}.weight"])
        assert torch.equal(supernet.body[i].operations[1].bias, weights[f"body.{i}.bias"])
    assert found.gain.item() == supernet.gain.item() == weights["gain"].item()


def test_the_scale_is_handed_to_the_argument_that_takes_it():
    space = module(scale_argument="scale")
    for scale in (2, 3, 4):
        assert natively(space, scale)(torch.rand(1, 3, 4, 5)).shape == (1, 3, 4 * scale, 5 * scale)


def test_an_argument_may_be_made_by_a_target_and_be_given_the_scale():
    upsample = {"target": "torch.nn:Upsample", "arguments": {"mode": "nearest"}}
    space = module(
        arguments={"refine": upsample, "scale": 1},
        scale_argument="refine.scale_factor",
        slots=[{"match": "body.0", "bits": [2]}],
    )
    network = natively(space, 3)
    assert isinstance(network.refine, nn.Upsample)
    assert network(torch.rand(1, 3, 4, 4)).shape == (1, 3, 12, 12)


def test_an_attribute_of_the_result_is_the_image():
    assert natively(module("Wrapped", output="image"))(torch.rand(1, 3, 4, 4)).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (3, 9)])
def test_images_are_padded_for_a_network_that_takes_only_multiples(size):
    network = natively(module("Blockwise", multiple=4, weights="module")).eval()
    image = torch.rand(2, 3, *size)
    enlarged = network(image)
    assert enlarged.shape == (2, 3, 2 * size[0], 2 * size[1])
    padded = nn.functional.pad(image, (0, -size[1] % 4, 0, -size[0] % 4), mode="replicate")
    assert torch.equal(enlarged, network(padded)[..., : 2 * size[0], : 2 * size[1]])


def test_transposed_convolutions_are_left_alone_with_a_notice(tmp_path):
    space = module("Transposed")
    assert list(slot_candidates(space, 2)) == ["first"]
    assert space.notices(2) == ["'up' is left alone, in float: it is a transposed convolution"]
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"space: {{name: module, target: '{HERE}:Transposed'}}\n{TINY}")
    with pytest.warns(UserWarning, match="'up' is left alone, in float: it is a transposed convolution"):
        assert invoke(["run", str(spec), "--until", "search", "--out", str(tmp_path / "out")]) == 0


def test_a_constructor_may_compute_and_does_not_disturb_the_random_numbers():
    space = module("Random")
    slot_candidates(space, 2)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    slot_candidates(space, 2)
    assert torch.equal(torch.rand(3), expected)


def test_an_architecture_of_it_survives_json():
    space = module(arguments={"width": 6}, slots=[{"match": "body.0", "operations": ["conv5x5"], "bits": [[2, 4]]}])
    chosen = {path: options[-1] for path, options in slot_candidates(space, 2).items()}
    before = Architecture.from_candidates(space, 2, chosen)
    after = Architecture.from_json(before.to_json())
    assert after == before
    assert hash(after.space) == hash(space)
    assert [m.shape for m in after.build(Quantizer.of("lsq")).state_dict().values()]


TINY = textwrap.dedent("""\
    scale: 2
    data:
      train: {name: dead-leaves, amount: 12, size: 32}
      test: {leaves: {name: dead-leaves, amount: 2, size: 48, seed: 1}}
      validation: 2
      patch: 8
    search: {steps: 4, epochs: 2, batch: 2}
    train: {steps: 4, batch: 2, validations: 1, start: supernet}
""")


def test_it_is_searched_over_operations_and_bits(tmp_path):
    spec = tmp_path / "spec.yaml"
    rules = "[{match: 'body.?', operations: [native, conv1x1, separable3x3], bits: [2, 4, 8]}]"
    spec.write_text(
        f"space: {{name: module, target: '{HERE}:Plain', weights: module, others: fresh, slots: {rules}}}\n{TINY}"
    )
    assert invoke(["check", str(spec)]) == 0
    assert invoke(["run", str(spec), "--out", str(tmp_path / "out")]) == 0
    found = Architecture.from_json((tmp_path / "out/architecture.json").read_text())
    assert found.slots.keys() == {"body.0", "body.2"}


@pytest.mark.parametrize(
    ("fields", "where", "message"),
    [
        ("target: other_nets.Plain", "target", "must be an import path such as my_package.nets:MyNetwork"),
        (
            "target: 'no_such_nets:Plain'",
            "target",
            "can't import no_such_nets: ModuleNotFoundError: No module named 'no_such_nets'",
        ),
        ("target: 'other_nets:Plan'", "target", "other_nets has no Plan; did you mean Plain?"),
        ("target: 'other_nets:number'", "target", "other_nets:number returns an object of type int, not an nn.Module"),
        ("target: 'other_nets:constant'", "target", "other_nets:constant can't be called"),
        ("target: 'other_nets:Broken'", "target", "can't run on an image of 32 x 32: RuntimeError: no such luck"),
        ("target: 'other_nets:Wrapped'", "target", "returns no image, but a dict: name the image in 'output'"),
        ("target: 'other_nets:Wrapped', output: img", "target", "the network's result, a dict, has no image 'img'"),
        ("target: 'other_nets:Plain', arguments: {widht: 3}", "arguments", "unexpected keyword argument 'widht'"),
        (
            "target: 'other_nets:Plain', arguments: {scale: 3}",
            "target",
            "makes (1, 3, 96, 96) of an image of (1, 3, 32, 32), not (1, 3, 64, 64)",
        ),
        (
            "target: 'other_nets:Blockwise'",
            "multiple",
            "can't run on an image of 37 x 45: ValueError: multiples of 4 only",
        ),
        ("target: 'other_nets:Blockwise', multiple: 2", "multiple", "can't run on an image of 37 x 45"),
        ("target: 'other_nets:Plain', open: [bdy]", "open", "no convolution of other_nets:Plain matches bdy"),
        ("target: 'other_nets:Unconvolved'", "open", "no convolution of other_nets:Unconvolved matches *"),
        ("target: 'other_nets:Plain', weights: none.pth", "weights", "/none.pth: No such file or directory"),
        ("target: 'other_nets:Plain', weights: other_nets.py", "weights", "is not a file of weights"),
        ("target: 'other_nets:Plain', scale_argument: a.b", "scale_argument", "'a' is not an argument with a target"),
        (
            "target: 'other_nets:Plain', slots: [{match: body.3, keep: 8}]",
            "slots.0.match",
            "'body.3' matches no slot (near: body.2, body.0)",
        ),
        (
            "target: 'other_nets:Plain', operations: [native, conv3x3g2]",
            "operations.1",
            "'conv3x3g2' can't live in slot 'body.0': 2 groups don't divide 3 -> 4 channels",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(fields, where, message, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"space: {{name: module, {fields}}}\n")
    with pytest.raises(InputError) as caught:
        load_spec(spec)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{spec}:1:")
    assert f": space.{where}: " in line
    assert message in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("gain"), "only the network has gain"),
        (lambda w: w.update(extra=torch.zeros(1)), "only the file has extra"),
        (lambda w: w.update(gain=torch.zeros(2)), "gain is (2,), not ()"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, message, tmp_path):
    weights = original().state_dict()
    change(weights)
    torch.save(weights, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"weights.pth does not fit the network") as caught:
        slot_candidates(module(weights="weights.pth"), 2)
    assert message in str(caught.value)


def test_what_is_not_counted_is_reported():
    space = module("Functional")
    # For each pixel, 9 * 3 * 4 and 9 * 4 * 12 are counted; 81 * 3 * 48 in a function are not.
    assert any(line.startswith("96% of the network's multiplications are in no") for line in space.notices(2))
    assert not any("multiplies" in line for line in module().notices(2))


def test_random_numbers_of_python_and_numpy_in_a_constructor_are_seeded(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"space: {{name: module, target: '{HERE}:Lucky', bits: [4]}}\n{TINY}")
    for name in ("one", "two"):
        assert invoke(["run", str(spec), "--until", "train", "--out", str(tmp_path / name)]) == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("target: 'other_nets:Classy'", "makes another image once its convolutions are slots"),
        ("target: 'other_nets:Curious'", "can't run with slots"),
        ("target: 'other_nets:Plain', open: ['*', typo]", "no convolution of other_nets:Plain matches typo"),
        ("target: 'other_nets:Plain', arguments: {scale: .inf}", "scale must be a finite number"),
        ("target: 'other_nets:Plain', arguments: {refine: {target: 3}}", "refine.target: must be an import path"),
        (
            "target: 'other_nets:Plain', arguments: {refine: {target: 'torch.nn:ReLU', argumnets: {}}}",
            "refine.argumnets: unknown field (fields: target, arguments)",
        ),
        (
            "target: 'other_nets:Plain', arguments: {refine: {target: 'torch.nn:ReLU', arguments: [1]}}",
            "refine.arguments: must be a mapping",
        ),
        ("target: 'other_nets:Plain', arguments: [1]", "must be a mapping of arguments"),
        ("target: 'other_nets:Plain', weights: 3", "must be text"),
        ("target: 'other_nets:Exiting'", "can't be called with these arguments: SystemExit: 3"),
    ],
)
def test_what_would_go_wrong_later_is_reported_in_one_line(fields, message, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"space: {{name: module, {fields}}}\n")
    with pytest.raises(InputError) as caught:
        load_spec(spec)
    (line,) = str(caught.value).splitlines()
    assert message in line


def test_a_damaged_checkpoint_never_ends_in_anything_else(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(original().state_dict(), path)
    whole = path.read_bytes()
    space = module(weights=str(path))
    for seed in range(40):
        place = int(torch.randint(len(whole), (1,), generator=torch.Generator().manual_seed(seed)))
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :] if seed % 2 else whole[:place]
        )
        try:
            space.make(2)
        except InputError as error:
            assert str(path) in str(error)


def test_which_weights_of_a_file_are_used_is_a_notice(tmp_path):
    weights = original().state_dict()
    torch.save({"params": weights, "params_ema": weights}, tmp_path / "weights.pth")
    (notice,) = module(weights="weights.pth").notices(2)
    assert notice == f"{tmp_path}/weights.pth holds 'params_ema' and 'params': 'params_ema' is used"


class _Doubling(nn.Module):
    """Enlarges by 2."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.last(image), 2)


def test_another_scale_than_the_network_s_is_told_with_the_right_one() -> None:
    space = Space.of({"name": "module", "target": f"{__name__}:_Doubling", "bits": [8]})
    with pytest.raises(InputError, match=r"it enlarges by 2, so set scale: 2$"):
        slot_candidates(space, 4)
