"""Known networks that start from a file of weights: their authors', or a run's."""

import pytest
import torch
from safetensors.torch import save_file

from qnas.core.components import Quantizer, Space
from qnas.core.errors import InputError
from qnas.core.network import Supernet, build_found, fill_natively, slot_candidates
from qnas.core.network.warm import start

from .published_networks import PUBLISHED, published

FLOAT = Quantizer.of("none")


def space_of(name, **more):
    known, fields = PUBLISHED[name][:2]
    return Space.of({"name": known, "bits": [32], "operations": ["native"], **fields, **more})


def found(space, scale, quantizer=FLOAT):
    chosen = {path: options[0] for path, options in slot_candidates(space, scale).items()}
    return build_found(space, scale, chosen, quantizer).eval()


def image():
    return torch.rand(1, 3, 31, 23, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def refused(space, scale=2):
    with pytest.raises(InputError) as caught:
        slot_candidates(space, scale)
    (line,) = str(caught.value).splitlines()
    assert caught.value.field == ("weights",)
    return line


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_weights_of_its_authors_make_the_image_that_their_network_makes(name, scale, tmp_path):
    network, run = published(name, scale)
    plain, wrapped = tmp_path / "weights.safetensors", tmp_path / "weights.pth"
    save_file(network.state_dict(), plain)
    torch.save({"params": {f"module.{key}": value for key, value in network.state_dict().items()}}, wrapped)
    with torch.no_grad():
        theirs = run(image())
        for file in (plain, wrapped):
            ours = found(space_of(name, weights=str(file)), scale).double()(image())
            # Factors of 255 are multiplied into weights in single precision.
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", sorted({known for known, *_ in PUBLISHED.values()}))
def test_the_names_are_those_of_the_network_in_its_published_size_too(name, scale):
    space = Space.of(name)
    with torch.device("meta"):
        network = fill_natively(space.compose(scale))
    own, kept = network.state_dict(), [key for key in network.state_dict() if key.endswith("contrast.mean")]
    assert space.namings(scale) and all(naming.of(own, kept) for naming in space.namings(scale))


def saved(network, path):
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture
def rlfn(tmp_path):
    """The weights of RLFN's authors, by their names, for scale 2."""
    return published("rlfn", 2)[0].state_dict(), tmp_path / "rlfn.pth"


def test_names_that_are_missing_and_names_too_many_are_in_the_line(rlfn):
    weights, file = rlfn
    weights["block_1.c9.weight"] = weights.pop("block_1.c5.weight")
    torch.save(weights, file)
    line = refused(space_of("rlfn", weights=str(file)))
    assert f"{file} does not fit the network" in line
    assert "only the network has block_1.c5.weight; only the file has block_1.c9.weight" in line


def test_a_file_of_another_scale_is_told(tmp_path):
    for name in ("edsr", "imdn"):
        file = saved(published(name, 4)[0], tmp_path / f"{name}.pth")
        assert refused(space_of(name, weights=file)).endswith("does not fit the network: it is for scale 4, not 2")


def test_a_mean_colour_that_only_one_of_the_two_subtracts_is_told(tmp_path):
    for name in ("edsr", "edsr of BasicSR", "span"):
        file = saved(published(name, 2)[0], tmp_path / "weights.pth")
        line = refused(space_of(name, weights=file, mean=None))
        assert f"{file} can't be used" in line and "add 'mean: [0.4488, 0.4371, 0.404]'" in line
    file = saved(published("imdn", 2)[0], tmp_path / "imdn.pth")
    assert "leave out 'mean'" in refused(space_of("imdn", weights=file, mean=(0.5, 0.5, 0.5)))


def test_a_mean_shift_that_is_more_than_one_is_refused(tmp_path):
    network = published("edsr", 2)[0]
    network.add_mean.bias.data[0] += 1
    line = refused(space_of("edsr", weights=saved(network, tmp_path / "weights.pth")))
    assert "do more than subtract a colour and add it again" in line


def test_slopes_for_each_channel_need_an_activation_that_has_them(tmp_path):
    file = saved(published("compact", 2)[0], tmp_path / "weights.pth")
    assert "activation: channel-prelu" in refused(space_of("compact", weights=file, activation="prelu"))


def test_the_range_that_a_file_does_not_tell_is_a_notice(rlfn):
    weights, file = rlfn
    torch.save({"params": weights, "params_ema": weights}, file)
    which, taken = space_of("rlfn", weights=str(file)).notices(2)
    assert which == f"{file} holds 'params_ema' and 'params': 'params_ema' is used"
    assert taken.endswith("images are in 0..255, as in bytedance/RLFN, model/rlfn.py and block.py")


def test_a_name_that_is_no_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused(space_of("rlfn", weights="none.pth")) == f"can't read {tmp_path}/none.pth: No such file or directory"
    with pytest.raises(ValueError, match="there is no module here: must be 'fresh' or a file"):
        space_of("rlfn", weights="module")


COMPOSED = {
    "name": "skeleton",
    "channels": 8,
    "head": ["separable3x3"],  # an original operation of two convolutions
    "body": [{"block": "residual", "residual": "adq"}, "spab"],
    "activation": "prelu",
    "image_residual": "nearest",
    "bits": [8],
    "operations": ["native"],
    "bias": False,
}


@pytest.mark.parametrize("quantizer", ["none", "lsq"])
def test_the_weights_of_a_run_are_those_that_a_network_of_its_space_starts_from(quantizer, tmp_path):
    space = Space.of(COMPOSED)
    torch.manual_seed(3)
    before = found(space, 2, Quantizer.of(quantizer))
    with torch.no_grad():
        for parameter in before.parameters():
            parameter.add_(0.1)
    file = saved(before, tmp_path / "model.pth")
    after, wanted = found(space.model_copy(update={"weights": file}), 2), before.state_dict()
    values = after.state_dict()
    assert values.keys() == {name for name in wanted if "quantizer" not in name}
    assert all(torch.equal(value, wanted[name]) for name, value in values.items())


def test_the_search_starts_there(tmp_path):
    network, run = published("compact", 2)
    space = space_of("compact", weights=saved(network, tmp_path / "weights.pth"), operations=["conv5x5", "native"])
    supernet = Supernet(space, 2, FLOAT).double()
    native = supernet.one_hot({path: options[1] for path, options in supernet.candidates.items()})
    with torch.no_grad():
        torch.testing.assert_close(supernet(image(), native), run(image()), rtol=1e-5, atol=1e-5)


def test_other_operations_are_fitted_behind_the_slopes_that_the_file_has(tmp_path):
    file = saved(published("compact", 2)[0], tmp_path / "weights.pth")
    space = space_of("compact", weights=file, operations=["conv1x1"])
    network = found(space, 2)
    slots = start._warm_slots(network)
    assert list(slots) == list(slot_candidates(space, 2))
    for slot in list(slots.values())[1:]:
        slopes = [filled.activation.activation.weight for filled in (slot.filled, slot.stand_in.original)]
        assert slopes[0].shape == (8,) and slopes[0].std() > 0 and torch.equal(*slopes)
    assert not start._warm_slots(found(space.model_copy(update={"others": "fresh"}), 2))


def test_fresh_weights_are_those_of_the_space_without_a_file(tmp_path):
    space = space_of("imdn", weights=saved(published("imdn", 2)[0], tmp_path / "weights.pth"))
    assert space.has_weights and not space.fresh().has_weights and not space_of("imdn").has_weights
    made = []
    for one in (space.fresh(), space_of("imdn")):
        torch.manual_seed(5)
        made.append(found(one, 2))
    assert all(map(torch.equal, *(network.parameters() for network in made)))


@pytest.mark.parametrize("name", ["imdn", "span", "xlsr", "skeleton"])
def test_a_space_without_a_file_is_written_as_before(name):
    written = Space.of(name).model_dump(mode="json")
    assert not {"weights", "others", "mean"} & written.keys()
    assert Space.of(written) == Space.of(name)
    stated = Space.of({"name": name, "weights": "weights.pth"})
    assert stated.model_dump()["weights"] == "weights.pth" and Space.of(stated.reference()) == stated
