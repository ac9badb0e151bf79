"""``qnas check`` refuses the images that ``qnas run`` would, in the same words, and reports odd pairs."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.images.resample import imresize

PHOTO = skimage.data.coffee()


def crop(index: int, height: int = 48, width: int = 48) -> np.ndarray:
    return np.ascontiguousarray(PHOTO[20 * index : 20 * index + height, 37 * index : 37 * index + width])


def save(file: Path, pixels: np.ndarray, **options: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, **options)


@pytest.fixture
def spec(tiny, cache, monkeypatch, tmp_path):
    """A spec that trains on ``images`` and tests on ``test``, both good."""
    monkeypatch.chdir(tmp_path)
    for index in range(6):
        save(tmp_path / f"images/{index}.png", crop(index))
    save(tmp_path / "test/a.png", crop(9))
    text = tiny.read_text().replace("{name: dead-leaves, amount: 12, size: 32}", "{name: folder, path: images}")
    tiny.write_text(text.replace("{name: dead-leaves, amount: 2, size: 48, seed: 1}", "{name: folder, path: test}"))
    return tiny


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def lr_of(index: int, scale: int = 2) -> np.ndarray:
    hr = crop(index)
    return imresize(hr, (hr.shape[0] // scale, hr.shape[1] // scale))


def pairs(folder: str, lr: str, scale: int = 2) -> None:
    """The images with LR images in folders beside each other."""
    for file in sorted(Path(folder).glob("*.png")):
        hr = np.asarray(Image.open(file))
        save(Path(folder) / "HR" / file.name, hr)
        save(Path(folder) / lr / file.name, imresize(hr, (hr.shape[0] // scale, hr.shape[1] // scale)))
        file.unlink()


def misfit() -> None:
    pairs("test", "LR_x2")
    save(Path("test/LR_x2/a.png"), crop(9, 24, 23))


FAULTS = {
    "smaller than the patch": lambda: [save(Path(f"images/{i}.png"), crop(i, 14, 40)) for i in range(6)],
    "smaller than the scale": lambda: save(Path("images/3.png"), crop(3, 1, 40)),
    "too small to be scored": lambda: save(Path("test/a.png"), crop(3, 10, 40)),
    "turned by EXIF": lambda: save(Path("test/a.png"), crop(3, 40, 10), exif=turned()),
    "frames": lambda: Image.fromarray(crop(0)).save(
        "images/0.png", save_all=True, append_images=[Image.fromarray(crop(1))]
    ),
    "16 bits": lambda: save(Path("images/0.png"), crop(0)[..., 0].astype(np.uint16) * 256),
    "cut short": lambda: cut(Path("images/5.png")),
    "no image": lambda: Path("images/5.png").write_text("no image"),
    "the training set's LR of another scale": lambda: pairs("images", "LR", 4),
    "the test set's LR of another size": misfit,
    "an LR folder alone": lambda: Path("images/LR").mkdir() or Path("images/1.png").rename("images/LR/1.png"),
    "LR images among HR images": lambda: [save(Path(f"images/{i}x2.png"), lr_of(i)) for i in range(3)],
}


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("spoil", FAULTS.values(), ids=FAULTS)
def test_check_refuses_what_run_refuses_in_the_same_words(spec, capsys, spoil):
    spoil()
    assert invoke(["run", str(spec), "--until", "search"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"{spec}:")
    assert invoke(["check", str(spec)]) == 2
    assert capsys.readouterr().err.splitlines() == [said]


REFLECTING = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        convolution = nn.Conv2d(3, 48, 9, padding=4, padding_mode="reflect")
        super().__init__(convolution, nn.PixelShuffle(4))
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ["scale=4", "space={name: module, target: 'reflecting:Net', bits: [8]}"],
            "a.png: 12 x 3 (width x height) is too small for this network, which needs at least 5 x 5",
        ),
        (["data.crop={size: 64, stride: 16}"], ".png: is 48 x 48, smaller than a crop of 64: lower data.crop.size"),
    ],
    ids=["too small for the network", "smaller than a crop"],
)
def test_check_refuses_for_the_network_and_for_crops_too(spec, capsys, settings, said):
    save(Path("test/a.png"), crop(3, 12, 48))
    Path("reflecting.py").write_text(REFLECTING)
    options = [part for setting in settings for part in ("--set", setting)]
    assert invoke(["run", str(spec), "--until", "search", *options]) == 2
    refusal = capsys.readouterr().err.splitlines()[-1]
    assert said in refusal
    assert invoke(["check", str(spec), *options]) == 2
    assert capsys.readouterr().err.splitlines() == [refusal]


def test_check_makes_no_image_whose_size_is_known(spec, monkeypatch):
    monkeypatch.setattr("qnas.plugins.datasets.folder.read_image", lambda _: pytest.fail("an image is decoded"))
    monkeypatch.setattr("qnas.plugins.datasets.generated.dead_leaves", lambda *_: pytest.fail("an image is generated"))
    assert invoke(["check", str(spec)]) == 0
    assert invoke(["check", str(spec), "--set", "data.train=dead-leaves"]) == 0


def test_check_takes_what_run_takes(spec):
    pairs("images", "lq")
    pairs("test", "LR_x2")
    assert invoke(["check", str(spec)]) == 0
    assert invoke(["run", str(spec), "--until", "search"]) == 0


def mix_up() -> None:
    """LR images: one is turned, one flipped, two are swapped and one is shifted."""
    lr = {index: lr_of(index + 2) for index in range(8)}
    changed = {0: np.rot90(lr[0], -1), 1: lr[1][:, ::-1], 2: lr[3], 3: lr[2], 4: np.roll(lr[4], 6, 0)}
    for index, pixels in {**lr, **changed}.items():
        save(Path(f"pairs/HR/{index}.png"), crop(index + 2))
        save(Path(f"pairs/LR/{index}.png"), np.ascontiguousarray(pixels))


def test_pairs_that_do_not_belong_together_are_errors_with_what_they_look_like(spec, capsys):
    mix_up()
    assert invoke(["data", "check", "pairs", "--scale", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("error")] == [
        "error: 0.png: its LR image is rotated by 90 degrees",
        "error: 1.png: its LR image is flipped left to right",
        "error: 2.png: its LR image looks like that of 3.png",
        "error: 3.png: its LR image looks like that of 2.png",
        "error: 4.png: its LR image is shifted by 6 pixels down",
    ]
    assert lines[-1].startswith("5 errors")


def test_a_run_warns_of_pairs_that_do_not_belong_together_in_a_line_for_each_set(spec):
    mix_up()
    with pytest.warns(UserWarning) as caught:
        assert invoke(["run", str(spec), "--until", "search", "--set", "data.train.path=pairs"]) == 0
    assert [str(warning.message) for warning in caught if "LR images" in str(warning.message)] == [
        "data.train: 5 of the 8 LR images that were looked at do not look like their HR images;"
        " that of 0.png is rotated by 90 degrees (qnas data check looks at all)"
    ]


def test_data_check_refuses_what_run_refuses(spec, capsys):
    save(Path("images/1.png"), crop(1, 14, 40))
    save(Path("images/2.png"), crop(2, 1, 40))
    FAULTS["frames"]()
    assert invoke(["data", "check", "images", "--test", "test", "--scale", "2", "--patch", "8"]) == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error")]
    assert errors == [
        "error: images/0.png: has 2 frames: only still images can be used",
        "error: 1.png: its LR image is 20 x 7, smaller than the patch of 8: lower data.patch to at most 7 or leave the"
        " image out",
        "error: 2.png: is smaller than the scale 2",
    ]


def test_data_check_refuses_lr_images_of_another_scale(spec, capsys):
    pairs("images", "LR", 2)
    assert invoke(["data", "check", "images", "--scale", "3"]) == 1
    assert "error: images: has LR images of scale 2, not 3: to have them made from the HR images, name images/HR" in (
        capsys.readouterr().out
    )
