"""``qnas upscale`` from the outside."""

import errno
import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from qnas.core.cli.main import invoke
from qnas.core.cli.terminal.verbosity import print_warnings
from qnas.core.errors import QnasWarning
from qnas.core.upscale.enlarging import enlarge

from ...found_run import ADQ, write_run


def save(file: Path, *, seed: int = 0, size: tuple[int, int] = (14, 11)) -> np.ndarray:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return pixels


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_run(tmp_path / "run")
    return tmp_path / "run"


def upscale(*arguments: object) -> int:
    return invoke(["upscale", *map(str, arguments), "--device", "cpu"])


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_the_result_stands_beside_the_image_and_is_what_the_network_makes(tmp_path, capsys):
    network = write_run(tmp_path / "run", scale=4)
    pixels = save(tmp_path / "in/photo.png")
    assert upscale(tmp_path / "run", tmp_path / "in/photo.png") == 0
    assert files(tmp_path / "in") == ["photo.png", "photo_x4.png"]
    result = np.asarray(Image.open(tmp_path / "in/photo_x4.png"))
    np.testing.assert_array_equal(result, enlarge(network, pixels, torch.device("cpu")))
    assert capsys.readouterr().out == f"1 image written to {tmp_path / 'in'}\n"


def test_what_is_transparent_stays_so(tmp_path, run):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 4), dtype=np.uint8)
    pixels[..., 3] = np.repeat([0, 255], 8)
    Image.fromarray(pixels).save(tmp_path / "sign.png")
    assert upscale(run, tmp_path / "sign.png") == 0
    with Image.open(tmp_path / "sign_x2.png") as result:
        alpha = np.asarray(result.getchannel("A"))
    assert alpha.shape == (24, 32)
    assert not alpha[:, :10].any()
    assert (alpha[:, -10:] == 255).all()


def test_many_images_and_formats_go_to_one_folder(tmp_path, run, capsys):
    for name in ("a.png", "b.jpg", "c.webp"):
        save(tmp_path / "in" / name)
    images = [tmp_path / "in" / name for name in ("a.png", "b.jpg", "c.webp")]
    assert upscale(run, *images, "-o", tmp_path / "new/out") == 0
    assert files(tmp_path / "new/out") == ["a_x2.png", "b_x2.png", "c_x2.png"]
    assert capsys.readouterr().out == f"3 images written to {tmp_path / 'new/out'}\n"


def test_a_folder_becomes_a_folder(tmp_path, run, monkeypatch):
    for name in ("a.png", "b.PNG", ".hidden.png", "deeper/c.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "in/notes.txt").write_text("no image")
    assert upscale(run, tmp_path / "in") == 0
    assert files(tmp_path / "in_x2") == ["a_x2.png", "b_x2.png"]
    monkeypatch.chdir(tmp_path / "in/deeper")
    assert upscale(run, ".") == 0
    assert files(tmp_path / "in/deeper_x2") == ["c_x2.png"]


def test_a_bad_image_stops_no_other_and_is_named_at_the_end(tmp_path, run, capsys):
    for name in ("a.png", "b.png", "c.png", "d.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "in/b.png").write_bytes((tmp_path / "in/b.png").read_bytes()[:90])
    (tmp_path / "in/c.png").write_text("no image")
    assert upscale(run, tmp_path / "in") == 1
    assert files(tmp_path / "in_x2") == ["a_x2.png", "d_x2.png"]
    printed = capsys.readouterr()
    assert printed.out == f"2 images written to {tmp_path / 'in_x2'}\n"
    first, second, third = printed.err.splitlines()[-3:]
    assert first == "not enlarged: 2 of 4 images"
    assert second.startswith(f"{tmp_path / 'in/b.png'}: can't be decoded: ")
    assert third.startswith(f"{tmp_path / 'in/c.png'}: is not an image")


def test_an_image_that_memory_does_not_suffice_for_stops_no_other(tmp_path, run, capsys, monkeypatch):
    def exhausted(network, lr, device):
        if lr.shape[0] > 20:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes")
        return enlarge(network, lr, device)

    monkeypatch.setattr("qnas.core.upscale.tiles.enlarge", exhausted)
    save(tmp_path / "a.png", size=(30, 30))
    save(tmp_path / "b.png")
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png") == 1
    assert (tmp_path / "b_x2.png").exists()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"{tmp_path / 'a.png'}: out of memory: enlarge it in smaller tiles (--tile 128)"


def test_an_image_that_takes_more_memory_than_there_is_is_refused_before_and_stops_no_other(
    tmp_path, run, capsys, monkeypatch
):
    monkeypatch.setattr("qnas.core.upscale.tiles.available", lambda _: 10**6)
    save(tmp_path / "a.png", size=(700, 500))
    save(tmp_path / "b.png")
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png") == 1
    assert files(tmp_path)[-1] != "a_x2.png"
    assert (tmp_path / "b_x2.png").exists()
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"{tmp_path / 'a.png'}: an image of 700 x 500 takes about 0.0 GB of memory, but only 0.0 GB")


def test_an_image_too_small_for_the_network_stops_no_other(tmp_path, capsys):
    write_run(tmp_path / "run", {"name": "rlfn", "channels": 8, "body": ["rlfb"], "bits": [8]})
    save(tmp_path / "in/a_strip.png", size=(60, 2))
    save(tmp_path / "in/b_good.png", size=(60, 60))
    capsys.readouterr()
    assert upscale(tmp_path / "run", tmp_path / "in") == 1
    assert files(tmp_path / "in_x2") == ["b_good_x2.png"]
    headline, reason = capsys.readouterr().err.splitlines()[-2:]
    assert headline == "not enlarged: 1 of 2 images"
    strip = tmp_path / "in/a_strip.png"
    assert reason == f"{strip}: 60 x 2 (width x height) is too small for this network, which needs at least 3 x 3"


def test_whatever_a_network_raises_on_one_image_stops_no_other(tmp_path, run, capsys, monkeypatch):
    def failing(network, lr, device):
        if lr.shape[0] > 20:
            raise IndexError("it lost count")
        return enlarge(network, lr, device)

    monkeypatch.setattr("qnas.core.upscale.tiles.enlarge", failing)
    save(tmp_path / "a.png", size=(30, 30))
    save(tmp_path / "b.png")
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png") == 1
    assert (tmp_path / "b_x2.png").exists()
    reason = capsys.readouterr().err.splitlines()[-1]
    assert reason.startswith(
        f"{tmp_path / 'a.png'}: the network fails on an image of 30 x 30 (width x height): IndexError: it lost count"
    )


def test_a_name_too_long_for_its_result_stops_no_other(tmp_path, run, capsys):
    longest, too_long = f"{'a' * (255 - len('_x2.png'))}.png", f"{'b' * (255 - len('.png'))}.png"
    for name in (longest, too_long, "c.png"):
        save(tmp_path / "in" / name)
    capsys.readouterr()
    assert upscale(run, tmp_path / "in") == 1
    assert files(tmp_path / "in_x2") == [longest.replace(".png", "_x2.png"), "c_x2.png"]
    reason = capsys.readouterr().err.splitlines()[-1]
    assert reason == f"{tmp_path / 'in' / too_long}: File name too long"


def test_a_full_disk_ends_a_batch_at_once(tmp_path, run, capsys, monkeypatch):
    written = []

    def full(picture, file):
        written.append(file)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    monkeypatch.setattr("qnas.core.images.picture.write_png", full)
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png") == 2
    assert len(written) == 1
    assert "the disk is full" in capsys.readouterr().err.splitlines()[-1]


def test_what_is_there_is_replaced_by_force_only(tmp_path, run, capsys):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    (tmp_path / "b_x2.png").write_text("mine")
    capsys.readouterr()
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png") == 2
    assert (
        capsys.readouterr().err
        == f"{tmp_path / 'b_x2.png'}: is there already: name a folder by -o, or replace by --force\n"
    )
    assert not (tmp_path / "a_x2.png").exists()
    assert upscale(run, tmp_path / "a.png", tmp_path / "b.png", "--force") == 0
    assert Image.open(tmp_path / "b_x2.png").size == (28, 22)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_no_image_is_written_over(tmp_path, run, capsys, force):
    before = [save(tmp_path / name, seed=seed) for seed, name in enumerate(("a.png", "a_x2.png"))]
    capsys.readouterr()
    assert upscale(run, tmp_path / "a.png", tmp_path / "a_x2.png", *force) == 2
    assert f"{tmp_path / 'a_x2.png'}: is to be enlarged, and would be the result of" in capsys.readouterr().err
    for pixels, name in zip(before, ("a.png", "a_x2.png"), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), pixels)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (["none.png"], "{0}: there is no such image or folder"),
        (["empty"], "{0}: no images in the folder (looked for .png"),
        (["a.png", "a.bmp"], "{1}: would become {folder}/a_x2.png, as {0} does: enlarge one at a time, with -o"),
    ],
)
def test_what_can_not_be_planned_is_told_before_anything_is_done(tmp_path, run, capsys, images, said):
    save(tmp_path / "a.png")
    save(tmp_path / "a.bmp")
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / name) for name in images]
    capsys.readouterr()
    assert upscale(run, *paths) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(said.format(*paths, folder=tmp_path))
    assert printed.count("\n") == 1
    assert not list(tmp_path.glob("*_x2.png"))


def test_a_folder_that_can_not_be_written_to_is_named(tmp_path, run, capsys):
    save(tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    assert upscale(run, tmp_path / "a.png", "-o", tmp_path / "file/out") == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"{tmp_path / 'file/out/a_x2.png'}: Not a directory"


def test_tiles_change_nothing(tmp_path, run):
    save(tmp_path / "a.png", size=(61, 43))
    for name, options in (("whole", ()), ("zero", ("--tile", 0)), ("tiled", ("--tile", 16))):
        assert upscale(run, tmp_path / "a.png", "-o", tmp_path / name, *options) == 0
    whole, *others = ((tmp_path / name / "a_x2.png").read_bytes() for name in ("whole", "zero", "tiled"))
    assert others == [whole, whole]


def test_statistics_are_gathered_from_tiles_in_a_pass_of_their_own_unless_frozen(tmp_path, capsys):
    network = write_run(tmp_path / "run", ADQ)
    pixels = save(tmp_path / "a.png", size=(60, 40))
    hint = "--freeze takes one pass, with a different result"
    said = f"in 2 passes over tiles, since the network looks at the whole image; {hint}"
    for options, told, folder in (((), said, "in"), (("--freeze",), "", "frozen")):
        capsys.readouterr()
        assert upscale(tmp_path / "run", tmp_path / "a.png", "--tile", 16, "-o", tmp_path / folder, *options) == 0
        assert told in capsys.readouterr().err
    ours, frozen = (np.asarray(Image.open(tmp_path / name / "a_x2.png")).astype(int) for name in ("in", "frozen"))
    whole = enlarge(network, pixels, torch.device("cpu")).astype(int)
    assert np.abs(ours - whole).max() <= 1
    assert (ours != whole).mean() < 1e-3 < (frozen != whole).mean()


def in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is shown where the output is a terminal."""
    screen = io.StringIO()
    terminal = Console(file=screen, width=150, force_terminal=True)
    monkeypatch.setattr("qnas.core.cli.terminal.progress.Console", lambda **_: terminal)
    return screen


def test_what_is_told_stands_above_the_bar_at_once(tmp_path, run, monkeypatch):
    screen = in_a_terminal(monkeypatch)
    save(tmp_path / "a.png", size=(40, 30))
    seen = []

    def warned(*arguments):
        warnings.warn("something [red]\x1b[31m of note", QnasWarning, stacklevel=1)
        seen.append(screen.getvalue())
        return enlarge(*arguments)

    monkeypatch.setattr("qnas.core.upscale.tiles.enlarge", warned)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    print_warnings()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert upscale(run, tmp_path / "a.png", "--tile", 20) == 0
    assert len(seen) == 4
    for count, shown in enumerate(seen, start=1):
        assert shown.count("warning: something [red]") == count
        assert "\x1b[31m" not in shown
        assert shown.rstrip().endswith("\n") or "0/1" in shown[shown.rindex("warning") :]  # the bar is below it


def test_the_bar_moves_with_every_tile_of_every_pass(tmp_path, monkeypatch):
    write_run(tmp_path / "run", ADQ)
    save(tmp_path / "a.png", size=(40, 30))
    shares = []
    monkeypatch.setattr(Progress, "update", lambda self, task, **fields: shares.append(fields["completed"]))
    in_a_terminal(monkeypatch)
    assert upscale(tmp_path / "run", tmp_path / "a.png", "--tile", 20) == 0
    assert shares == [*(done / 8 for done in range(1, 9)), 1]
