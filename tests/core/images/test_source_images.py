"""What data sets yield is checked at once: a message about a plugin's mistake names the data set and the image."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from qnas.core.components import Dataset, Degradation, SourceImage
from qnas.core.errors import InputError
from qnas.core.images.loading import load_images
from qnas.core.images.settings import Data
from qnas.core.run.images import check_images, load_run_images

MATLAB = Degradation.of("matlab")

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
FLOATS = PIXELS / 255
LR = PIXELS[::2, ::2]


pytestmark = pytest.mark.usefixtures("cache")


class Odd(Dataset):
    """Yields what ``YIELDS`` has under ``how``, then enough good images."""

    how: str
    counted: Any = 12

    def images(self, scale: int) -> Iterator[SourceImage]:
        first = YIELDS[self.how]
        yield from first() if callable(first) else first
        for index in range(len(first) if isinstance(first, list) else 1, 12):
            yield SourceImage(f"good {index}", PIXELS)

    def count(self) -> Any:
        return self.counted


def one(hr: Any, lr: Any = None, name: Any = "a") -> list[Any]:
    return [SourceImage(name, hr, lr)]


def failing() -> Iterator[SourceImage]:
    raise OSError("the server is gone")
    yield


YIELDS: dict[str, Any] = {
    "good": one(PIXELS),
    "flipped": one(PIXELS[::-1, ::-1]),
    "float": one(FLOATS),
    "gray": one(PIXELS[..., 0]),
    "rgba": one(PIXELS[..., [0, 1, 2, 0]]),
    "deep": one(PIXELS.astype(np.uint16)),
    "empty": one(PIXELS[:, :0]),
    "list": one(PIXELS.tolist()),
    "lr": one(PIXELS, LR / 255),
    "misfit": one(PIXELS, LR[1:]),
    "twice": [*one(PIXELS), *one(PIXELS)],
    "nameless": one(PIXELS, name=""),
    "numbered": one(PIXELS, name=7),
    "nul": one(PIXELS, name="a\0b"),
    "surrogate": one(PIXELS, name="a\ud800"),
    "tuple": [("a", PIXELS)],
    "none": [None],
    "failing": failing,
}
SAID = {
    "float": "a of the data set 'Odd' is (40, 48, 3) float64: must be (H, W, 3) uint8",
    "gray": "a of the data set 'Odd' is (40, 48) uint8: must be (H, W, 3) uint8",
    "rgba": "a of the data set 'Odd' is (40, 48, 4) uint8: must be (H, W, 3) uint8",
    "deep": "a of the data set 'Odd' is (40, 48, 3) uint16: must be (H, W, 3) uint8",
    "empty": "a of the data set 'Odd' has no pixels: it is (40, 0, 3)",
    "list": "a of the data set 'Odd' is a list: must be a NumPy array, (H, W, 3) uint8",
    "lr": "the LR image of a of the data set 'Odd' is (20, 24, 3) float64: must be (H, W, 3) uint8",
    "misfit": "a: LR is 24 x 19, HR is 48 x 40: at scale 2 LR should be 24 x 20",
    "twice": "the data set 'Odd': two images are named 'a'",
    "nameless": "the data set 'Odd' names an image '': must be non-empty text without NUL",
    "numbered": "the data set 'Odd' names an image 7: must be non-empty text without NUL",
    "nul": r"the data set 'Odd' names an image 'a\x00b': must be non-empty text without NUL",
    "surrogate": r"the data set 'Odd' names an image 'a\ud800': must be text that can be encoded as UTF-8",
    "tuple": "the data set 'Odd' yields a tuple: must be a SourceImage",
    "none": "the data set 'Odd' yields a NoneType: must be a SourceImage",
    "failing": "the data set 'Odd' failed: OSError: the server is gone",
}


@pytest.mark.parametrize("how", SAID)
def test_check_and_run_refuse_an_odd_image_in_the_same_words_and_cache_nothing(how, cache, recwarn):
    data = Data.model_validate({"patch": 8, "validation": 2, "train": Odd(how=how), "test": {"a": Odd(how="good")}})
    for refuse in (lambda: check_images(data, 2, 0, tried=3), lambda: load_run_images(data, 2, 0, lambda *_: None)):
        with pytest.raises(InputError) as caught:
            refuse()
        assert str(caught.value).partition(" (/")[0] == SAID[how]
        assert caught.value.field == ("data", "train")
        assert not cache.exists() or not list(cache.iterdir())
    assert not recwarn.list


@pytest.mark.parametrize("how", ["good", "flipped"])
def test_images_that_are_as_they_should_be_are_taken_wherever_their_pixels_lie(how):
    made = load_images(Odd(how=how), 2, MATLAB)
    np.testing.assert_array_equal(made[0].hr, YIELDS[how][0].hr)
    assert len(made) == 12


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (11, "the data set 'Odd' counts 11 images and yields more"),
        (13, "the data set 'Odd' counts 13 images and yields 12"),
        (12.0, "the data set 'Odd' counts 12.0 images: must be a whole number (int)"),
        (None, "the data set 'Odd' counts None images: must be a whole number (int)"),
        (-1, "the data set 'Odd' counts -1 images: must be a whole number (int)"),
        (0, "the data set 'Odd' has no images"),
    ],
)
def test_images_that_are_not_as_many_as_counted_are_refused(counted, said, cache):
    with pytest.raises(InputError) as caught:
        load_images(Odd(how="good", counted=counted), 2, MATLAB)
    assert str(caught.value) == said
    assert not cache.exists() or not list(cache.iterdir())


def test_a_fingerprint_that_is_no_text_is_refused():
    class Numbered(Odd):
        def fingerprint(self) -> Any:
            return 5

    with pytest.raises(InputError, match=r"^the fingerprint of the data set 'Numbered' is 5: must be text$"):
        load_images(Numbered(how="good"), 2, MATLAB)


def test_an_array_that_is_yielded_again_with_other_pixels_gives_other_images_without_a_cache_too(cache):
    class Reused(Dataset):
        def images(self, scale: int) -> Iterator[SourceImage]:
            pixels = np.zeros((12, 12, 3), dtype=np.uint8)
            for index in range(3):
                pixels[:] = 10 * index
                yield SourceImage(str(index), pixels)

        def count(self) -> int:
            return 3

    cache.write_text("in the way")
    with pytest.warns(UserWarning, match="images are not cached in"):
        made = load_images(Reused(), 2, MATLAB)
    assert [int(image.hr[0, 0, 0]) for image in made] == [0, 10, 20]


def test_a_fault_where_the_images_are_used_is_not_the_data_sets(monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match=r"^ours$"):
        load_images(Odd(how="good"), 2, MATLAB, report=broken)
