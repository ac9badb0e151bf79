"""``qnas data``: packs survive whatever ends the command, and checks find what is wrong."""

import errno
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from qnas.core.cli.main import invoke
from qnas.core.components import Dataset, Degradation
from qnas.core.images.loading import load_images
from qnas.core.images.pack import HR, Pack, PackWriter

MATLAB = Degradation.of("matlab")


def picture(seed: int, width: int = 32, height: int = 28) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images(here):
    """A folder of 6 images."""
    folder = here / "images"
    folder.mkdir()
    for index in range(6):
        picture(index).save(folder / f"{index}.png")
    return folder


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-60])


def listed() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def parts(out: str = "out.h5") -> list[Path]:
    return sorted(Path(f"{out}.partial").glob("*.h5"))


def test_a_pack_is_told_with_how_to_use_it(images, capsys):
    assert invoke(["data", "pack", "images", "out.h5", "--scale", "2", "--scale", "4"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"out\.h5: 6 images, [0-9.]+ kB; LR x2 made \(matlab\), LR x4 made \(matlab\)", out[0])
    assert out[1] == "to train on it: {name: pack, path: out.h5} for data.train"
    assert listed() == ["images", "out.h5"]


def test_several_folders_become_one_pack(images, capsys):
    shutil.copytree(images, "other")
    assert invoke(["data", "pack", "images", "other", "out.h5"]) == 0
    assert Pack(Path("out.h5")).names[5:7] == ("images/5.png", "other/0.png")


def test_lr_images_that_came_are_told_apart(here, capsys):
    for name, side in (("HR", 24), ("LR_bicubic/X3", 8)):
        (here / "set" / name).mkdir(parents=True)
        picture(0, side, side).save(here / "set" / name / "0.png")
    assert invoke(["data", "pack", "set", "out.h5", "--degradation", "pillow"]) == 0
    assert "; LR x3 as it came, LR x2 made (pillow), LR x4 made (pillow)\n" in capsys.readouterr().out


def test_every_image_that_can_not_be_read_is_named(images, capsys):
    cut(images / "1.png")
    (images / "4.png").write_text("no image")
    picture(0, 3, 20).save(images / "tiny.png")
    assert invoke(["data", "pack", "images", "out.h5"]) == 1
    lines = capsys.readouterr().err.splitlines()[1:]
    assert [line.partition(": ")[0] for line in lines] == ["images/1.png", "images/4.png", "tiny.png", "out.h5"]
    assert lines[2] == "tiny.png: is smaller than the scale 4"
    assert lines[3].startswith(
        "out.h5: 3 of 7 images can't be packed: mend or remove them, or leave them out with --skip"
    )
    assert not Path("out.h5").exists()
    assert len(parts()) == 4


def test_bad_images_are_left_out_when_that_is_asked_for_and_the_others_not_decoded_again(images, capsys):
    cut(images / "1.png")
    assert invoke(["data", "pack", "images", "out.h5"]) == 1
    assert invoke(["data", "pack", "images", "out.h5", "--skip-bad"]) == 0
    told = capsys.readouterr().err
    assert "going on: 5 of 6 images are done already\n" in told
    assert "\nleft out: images/1.png: can't be decoded" in told
    assert Pack(Path("out.h5")).names == tuple(f"{index}.png" for index in (0, 2, 3, 4, 5))
    assert not Path("out.h5.partial").exists()


def test_images_that_are_all_bad_make_no_pack(images, capsys):
    for file in images.iterdir():
        cut(file)
    assert invoke(["data", "pack", "images", "out.h5", "--skip-bad"]) == 1
    assert capsys.readouterr().err.endswith("out.h5: none of the images can be packed\n")
    assert listed() == ["images"]


def test_a_pack_that_is_there_is_kept_unless_it_is_to_be_replaced(images, capsys):
    Path("out.h5").write_text("mine")
    assert invoke(["data", "pack", "images", "out.h5"]) == 2
    assert capsys.readouterr().err == "out.h5: is there already: name another, or replace it with --force\n"
    assert Path("out.h5").read_text() == "mine"
    assert invoke(["data", "pack", "images", "out.h5", "--force"]) == 0
    assert len(Pack(Path("out.h5"))) == 6


MISTAKES = {
    "no folder": (["none", "out.h5"], "none: can't read the folder: No such file or directory"),
    "out is a folder": (
        ["images", "images"],
        "images: is a folder: name the file to pack into last, such as images.h5",
    ),
    "a file among folders": (
        ["images", "images/0.png", "out.h5"],
        "images/0.png: is a file: name folders, or one pack",
    ),
    "no pack": (["images/0.png", "out.h5"], "images/0.png: is not a pack (qnas data pack makes one)"),
    "no place": (["images", "images/0.png/out.h5"], "images/0.png/out.h5.partial: Not a directory"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_in_one_line_and_leave_nothing(images, capsys, arguments, message):
    before = sorted(Path().rglob("*"))
    assert invoke(["data", "pack", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(message)
    assert told.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("after", [0, 3, 6], ids=["at once", "while decoding", "while joining"])
def test_a_full_disk_loses_nothing(images, capsys, monkeypatch, after):
    real, calls = os.fsync, iter(range(1000))

    def fills_up(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode) and next(calls) >= after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fills_up)
    assert invoke(["data", "pack", "images", "out.h5", "--jobs", "1"]) == 2
    told = f"out.h5: the disk is full: free some space and give the same command again ({after} images are done)\n"
    assert capsys.readouterr().err.endswith(told)
    assert not Path("out.h5").exists()
    assert len(parts()) == after
    monkeypatch.setattr(os, "fsync", real)
    assert invoke(["data", "pack", "images", "out.h5"]) == 0
    assert len(Pack(Path("out.h5"))) == 6


def test_ctrl_c_says_that_the_same_command_goes_on(images, capsys, monkeypatch):
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    assert invoke(["data", "pack", "images", "out.h5"]) == 130
    assert capsys.readouterr().err.endswith("interrupted: the same command goes on (0 images are done)\n")
    assert listed() == ["images"]


SLOW = """
import os, sys, time
fsync = os.fsync
def slow(handle):
    fsync(handle)
    time.sleep(0.15)
os.fsync = slow
from qnas.core.cli.main import main
main()
"""


def test_a_kill_at_any_moment_loses_only_what_was_under_way(here, capsys):
    (here / "images").mkdir()
    for index in range(40):
        picture(index).save(here / "images" / f"{index:02}.png")
    command = ["data", "pack", "images", "out.h5", "--jobs", "2"]
    process = subprocess.Popen([sys.executable, "-c", SLOW, *command], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(parts()) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = parts()
    assert 5 <= len(done) < 40
    assert not Path("out.h5").exists()
    before = {path: path.stat().st_mtime_ns for path in done}

    cut(here / "images" / "39.png")  # so that the parts are kept
    assert invoke(command) == 1
    assert f"going on: {len(done)} of 40 images are done already\n" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in done} == before
    assert len(list(Path("out.h5.partial").iterdir())) == 39  # what was half-written is gone

    picture(39).save(here / "images" / "39.png")
    assert invoke(command) == 0
    assert listed() == ["images", "out.h5"]
    pack, folder = (Dataset.of({"name": n, "path": p}) for n, p in (("pack", "out.h5"), ("folder", "images")))
    for ours, theirs in zip(load_images(pack, 2, MATLAB), load_images(folder, 2, MATLAB), strict=True):
        np.testing.assert_array_equal(ours.hr, theirs.hr)
        np.testing.assert_array_equal(ours.lr, theirs.lr)


@pytest.fixture
def begun(images, capsys):
    """All images are done but the last, which is broken."""
    content = (images / "5.png").read_bytes()
    cut(images / "5.png")
    assert invoke(["data", "pack", "images", "out.h5"]) == 1
    (images / "5.png").write_bytes(content)
    capsys.readouterr()
    return images


def test_an_image_that_has_changed_meanwhile_is_decoded_again(begun, capsys):
    picture(77).save(begun / "2.png")
    assert invoke(["data", "pack", "images", "out.h5"]) == 0
    assert "going on: 4 of 6 images" in capsys.readouterr().err
    np.testing.assert_array_equal(Pack(Path("out.h5")).pixels(2, HR), np.asarray(picture(77)))


def test_other_settings_go_on_from_nothing(begun, capsys):
    assert invoke(["data", "pack", "images", "out.h5", "--degradation", "pillow"]) == 0
    assert "going on" not in capsys.readouterr().err
    assert Pack(Path("out.h5")).degradation == "pillow"


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-9], lambda content: b"", lambda c: c[:2100] + b"#" + c[2101:]]
)
def test_a_part_that_the_machine_went_down_over_is_made_again(begun, damage):
    part = parts()[0]
    part.write_bytes(damage(part.read_bytes()))
    assert invoke(["data", "pack", "images", "out.h5"]) == 0
    for index in range(6):
        np.testing.assert_array_equal(Pack(Path("out.h5")).pixels(index, HR), np.asarray(picture(index)))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="can't be counted here")
def test_joining_keeps_no_file_open(images, monkeypatch):
    counts = []
    real = PackWriter.add

    def watched(writer: PackWriter, *image: object) -> None:
        real(writer, *image)  # type: ignore[arg-type]
        counts.append(len(list(Path("/proc/self/fd").iterdir())))

    assert invoke(["data", "pack", "images", "first.h5"]) == 0
    monkeypatch.setattr(PackWriter, "add", watched)
    assert invoke(["data", "pack", "images", "out.h5", "--jobs", "1"]) == 0
    joining = counts[-6:]
    assert max(joining) - joining[0] <= 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such lock")
def test_two_at_once_do_not_disturb_each_other(begun, capsys):
    import fcntl

    handle = os.open("out.h5.partial/.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert invoke(["data", "pack", "images", "out.h5"]) == 2
    assert capsys.readouterr().err == "out.h5.partial: another process is at work in this folder\n"
    os.close(handle)


def damaged(pack: bytes) -> bytes:
    """A pack of the 6 images with a flipped bit in each."""
    for index in range(6):
        hr = np.asarray(picture(index)).tobytes()
        assert hr in pack
        pack = pack.replace(hr, hr[:-1] + bytes([hr[-1] ^ 1]))
    return pack


def replace(file: Path, content: bytes) -> None:
    """Replace the file; a mapping of the old one stays valid."""
    file.unlink()
    file.write_bytes(content)


@pytest.fixture
def packed(tiny, images):
    """A spec whose training images are in a pack."""
    spec = tiny.read_text().replace("{name: dead-leaves, amount: 12, size: 32}", "{name: pack, path: out.h5}")
    Path("packed.yaml").write_text(spec)
    assert invoke(["data", "pack", "images", "out.h5", "--scale", "2"]) == 0
    return Path("out.h5")


def test_a_run_whose_images_turn_bad_goes_on_once_they_are_mended(packed, capsys):
    assert invoke(["run", "packed.yaml", "--out", "whole", "--until", "train"]) == 0
    assert invoke(["run", "packed.yaml", "--out", "broken", "--until", "search"]) == 0
    content = packed.read_bytes()
    replace(packed, damaged(content))
    capsys.readouterr()
    assert invoke(["run", "packed.yaml", "--out", "broken", "--resume", "--until", "train"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"out\.h5: the image '\d\.png' is damaged: make it again", said)
    replace(packed, content)
    assert invoke(["run", "packed.yaml", "--out", "broken", "--resume", "--until", "train"]) == 0
    for name in ("search/history.jsonl", "train/history.jsonl", "model.safetensors"):
        assert (Path("broken") / name).read_bytes() == (Path("whole") / name).read_bytes(), name


def test_a_run_tells_of_a_pack_that_is_cut_short_or_older(packed, capsys):
    content = packed.read_bytes()
    replace(packed, content[: len(content) // 2])
    assert invoke(["run", "packed.yaml"]) == 2
    assert "out.h5: is cut short or damaged: make it again with" in capsys.readouterr().err
    replace(packed, content)
    with h5py.File(packed, "r+") as file:
        file.attrs["version"] = 0
    assert invoke(["run", "packed.yaml"]) == 2
    assert "out.h5: is a pack of version 0, and this qnas reads version 1" in capsys.readouterr().err


def test_a_run_trains_on_a_pack_and_tells_a_damaged_one(tiny, images, monkeypatch, capsys):
    spec = tiny.read_text().replace("{name: dead-leaves, amount: 12, size: 32}", "{name: pack, path: out.h5}")
    Path("packed.yaml").write_text(spec)
    assert invoke(["run", "packed.yaml", "--until", "search"]) == 2
    assert re.search(
        r"packed\.yaml:\d+:\d+: data\.train: .*out\.h5: can't be read: No such file", capsys.readouterr().err
    )
    assert invoke(["data", "pack", "images", "out.h5", "--scale", "2"]) == 0
    assert invoke(["run", "packed.yaml", "--until", "search"]) == 0
    replace(Path("out.h5"), damaged(Path("out.h5").read_bytes()))
    assert invoke(["run", "packed.yaml", "--out", "damaged"]) == 2
    assert re.search(
        r"out\.h5: the image '\d\.png' is damaged: make it again", capsys.readouterr().err.splitlines()[-1]
    )
    assert invoke(["data", "pack", "images", "out.h5", "--scale", "3", "--force"]) == 0
    capsys.readouterr()
    assert invoke(["run", "packed.yaml", "--out", "other"]) == 2
    assert "data.train: out.h5: has LR images of scale 3, not 2 (add them: qnas data pack" in capsys.readouterr().err


def test_help_needs_no_torch():
    code = "import sys; sys.modules['torch'] = None; from qnas.core.cli.main import main; main()"
    for arguments in (["data", "--help"], ["data", "pack", "--help"], ["data", "check", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Usage: qnas data" in done.stdout


def check(*arguments: str) -> int:
    return invoke(["data", "check", *arguments])


def test_good_images_are_described(images, capsys):
    picture(9, 80, 60).convert("L").save(images / "gray.png")
    assert check("images", "--scale", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["set", "images", "smallest", "largest", "patch", "LR", "pixels"]
    assert lines[1].split() == ["images", "7", "32x28", "80x60", "14", "none", "6", "RGB,", "1", "gray"]
    assert lines[2:] == ["patch: the largest data.patch that fits into all at scale 2", "0 errors, 0 remarks"]


def test_what_is_wrong_is_told_line_by_line(images, capsys):
    cut(images / "3.png")
    (images / "4.png").write_text("no image")
    picture(8, 12, 90).save(images / "thin.png")
    assert check("images", "--patch", "5") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [
        lines[3],
        "error: images/4.png: is not an image in a known format",
        "error: thin.png: its LR image is 3 x 22, smaller than the patch of 5: lower data.patch to at most 3 or leave"
        " the image out",
    ]
    assert lines[3].startswith("error: images/3.png: can't be decoded")
    assert lines[-1] == "3 errors, 0 remarks"


def test_remarks_are_no_errors(images, capsys):
    shutil.copy(images / "0.png", images / "copy.png")
    picture(1).save(images / "jpeg.jpg", quality=50)
    Image.new("RGB", (30, 30), (90, 90, 90)).save(images / "flat.png")
    clear = picture(50)
    clear.putalpha(128)
    clear.save(images / "clear.png")
    assert check("images") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:] == [
        "remark: the same pixels: 0.png and copy.png",
        "remark: nearly the same: 1.png and jpeg.jpg",
        "remark: images: 1 image nearly flat: flat.png",
        "remark: images: 1 image with transparency, which is ignored: clear.png",
        "0 errors, 4 remarks",
    ]


def test_test_images_among_the_training_images_are_found(images, here, capsys):
    for name in ("one", "two"):
        (here / name).mkdir()
        picture(70).save(here / name / "in both tests.png")
    shutil.copy(images / "2.png", here / "one" / "seen.png")
    picture(3).save(here / "two" / "seen.jpg", quality=60)
    assert check("images", "--test", "one", "--test", "two") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "error: the test image one/seen.png is also a training image: images/2.png",
        "remark: nearly the same, in training and test: images/3.png and two/seen.jpg",
        "1 error, 1 remark",
    ]


def test_lr_images_are_checked(here, capsys):
    for name, sides in (("HR", (24, 24)), ("LR_bicubic/X2", (12, 11))):
        (here / "set" / name).mkdir(parents=True)
        for index, side in enumerate(sides):
            picture(index, side, side).save(here / "set" / name / f"{index}.png")
    assert check("set") == 1
    assert "error: 1.png: LR is 11 x 11, HR is 24 x 24: at scale 2 LR should be 12 x 12\n" in capsys.readouterr().out
    (here / "set" / "LR_bicubic/X2" / "1.png").unlink()
    assert check("set") == 1
    assert "error: set/LR_bicubic/X2: no LR image for 1.png\n" in capsys.readouterr().out


def test_a_test_image_too_small_for_ssim_is_an_error(images, here, capsys):
    (here / "test").mkdir()
    picture(9, 40, 10).save(here / "test" / "thin.png")
    assert check("images", "--test", "test") == 1
    told = "error: thin.png: is too small to be scored: SSIM needs 11 pixels a side\n"
    assert told in capsys.readouterr().out


def test_a_pack_is_checked_like_the_folder_and_damage_in_it_found(images, capsys):
    assert invoke(["data", "pack", "images", "out.h5"]) == 0
    capsys.readouterr()
    assert check("out.h5") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:6] == ["out.h5", "6", "32x28", "32x28", "7", "x2,"]
    content = bytearray(Path("out.h5").read_bytes())
    content[content.index(np.asarray(picture(4)).tobytes())] ^= 255
    Path("out.h5").write_bytes(content)
    assert check("out.h5") == 1
    assert "error: out.h5: the image '4.png' is damaged: make it again with qnas data pack\n" in capsys.readouterr().out


def test_many_remarks_of_a_kind_are_counted(images, capsys):
    for index in range(80):
        shutil.copy(images / "0.png", images / f"copy {index}.png")
    assert check("images") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("remark: the same pixels: ") for line in lines) == 50
    assert lines[-2] == "remark: 30 more like that"


def test_nothing_readable_and_strange_names_are_told(here, capsys):
    for name in ("[red]", "[bold]"):
        (here / name).mkdir()
        (here / name / "[x].png").write_text("no image")
    assert check("[red]", "--test", "[bold]") == 1
    out = capsys.readouterr().out
    assert "\n[bold] (test)" in out
    assert "error: [red]/[x].png: is not an image" in out


def test_a_folder_that_is_not_there_is_told_before_any_is_looked_at(images, capsys):
    assert check("images", "--test", "none") == 2
    assert capsys.readouterr().err == "none: can't read the folder: No such file or directory\n"
