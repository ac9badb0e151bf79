from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from qnas.core.images.pairs import ImagePair
from qnas.core.images.patches import PatchSampler, to_tensor

CPU = torch.device("cpu")


def coded(height: int, width: int, scale: int, index: int = 0) -> ImagePair:
    """An image whose pixels encode their place: red is the row, green the column, blue the image. HR pixels encode the
    place of the LR pixel that they belong to.
    """
    rows, columns = np.mgrid[0:height, 0:width]
    lr = np.stack([rows, columns, np.full_like(rows, index)], axis=-1).astype(np.uint8)
    return ImagePair(f"image-{index}", lr.repeat(scale, 0).repeat(scale, 1), lr)


def sampler(pairs, scale=2, patch=4, batch=8, augment=False, seed=0) -> PatchSampler:
    return PatchSampler(pairs, scale, patch, batch, augment=augment, seed=seed, device=CPU)


def whole(tensor: torch.Tensor) -> np.ndarray:
    """The (N, H, W, 3) whole numbers that (N, 3, H, W) in 0..1 was made from."""
    return tensor.mul(255).round().byte().permute(0, 2, 3, 1).numpy()


@settings(max_examples=40)
@given(
    scale=st.integers(2, 4),
    patch=st.integers(1, 6),
    height=st.integers(6, 20),
    width=st.integers(6, 20),
    augment=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_hr_patch_is_the_lr_patch_scale_times_as_large(scale, patch, height, width, augment, seed):
    batch = sampler([coded(height, width, scale)], scale, patch, augment=augment, seed=seed).draw()
    assert batch.lr.shape == (8, 3, patch, patch)
    assert batch.hr.shape == (8, 3, patch * scale, patch * scale)
    # Every HR pixel encodes the place of its LR pixel, so a flip or turn of only one of the two would show.
    np.testing.assert_array_equal(whole(batch.lr).repeat(scale, 1).repeat(scale, 2), whole(batch.hr))


def test_a_patch_is_a_whole_piece_of_one_image():
    for patch in whole(sampler([coded(12, 16, 2, i) for i in range(3)], batch=32).draw().lr):
        top, left, index = patch[0, 0]
        np.testing.assert_array_equal(patch, coded(12, 16, 2, index).lr[top : top + 4, left : left + 4])


def test_every_place_and_every_image_is_drawn():
    drawn = whole(sampler([coded(5, 6, 2, i) for i in range(3)], batch=600).draw().lr)
    places = {tuple(patch[0, 0]) for patch in drawn}
    assert places == {(top, left, index) for top in range(2) for left in range(3) for index in range(3)}


def test_all_eight_flips_and_turns_are_drawn_as_often_as_one_another():
    drawn = whole(sampler([coded(4, 4, 2)], batch=1600, augment=True).draw().lr)
    counts = Counter(patch.tobytes() for patch in drawn)
    image = coded(4, 4, 2).lr
    assert set(counts) == {np.rot90(side, k).tobytes() for side in (image, image[::-1]) for k in range(4)}
    assert min(counts.values()) > 150


def test_flips_alone_are_drawn_where_there_are_to_be_no_turns():
    drawn = whole(sampler([coded(4, 4, 2)], batch=800, augment="flips").draw().lr)
    counts = Counter(patch.tobytes() for patch in drawn)
    image = coded(4, 4, 2).lr
    assert set(counts) == {side.tobytes() for flip in (image, image[::-1]) for side in (flip, flip[:, ::-1])}
    assert min(counts.values()) > 150


def test_nothing_is_flipped_or_turned_without_augmentation():
    drawn = whole(sampler([coded(4, 4, 2)], batch=50).draw().lr)
    assert (drawn == coded(4, 4, 2).lr).all()


def test_an_image_of_exactly_the_patchs_size_is_the_patch():
    pair = coded(4, 4, 3)
    batch = sampler([pair], scale=3).draw()
    np.testing.assert_array_equal(whole(batch.lr)[0], pair.lr)
    np.testing.assert_array_equal(whole(batch.hr)[0], pair.hr)


def test_images_of_different_sizes_go_into_one_batch():
    batch = sampler([coded(4, 9, 2, 0), coded(7, 4, 2, 1)], batch=40).draw()
    assert {int(patch[0, 0, 2]) for patch in whole(batch.lr)} == {0, 1}


def test_values_are_in_0_to_1():
    extremes = np.array([[[0, 127, 255]]], dtype=np.uint8)
    tensor = to_tensor(extremes[None], CPU)
    assert tensor.dtype == torch.float32
    assert tensor.flatten().tolist() == pytest.approx([0.0, 127 / 255, 1.0])
    assert tensor.shape == (1, 3, 1, 1)


def test_batches_are_channels_last_in_memory():
    assert sampler([coded(8, 8, 2)]).draw().lr.is_contiguous(memory_format=torch.channels_last)


def draws(seed: int, global_seed: int) -> list[np.ndarray]:
    np.random.seed(global_seed)
    torch.manual_seed(global_seed)
    source = sampler([coded(12, 12, 2, i) for i in range(4)], augment=True, seed=seed)
    return [whole(source.draw().hr) for _ in range(3)]


def test_the_seed_alone_decides_every_draw():
    first, again, other = draws(7, 0), draws(7, 1), draws(8, 0)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


@settings(max_examples=30)
@given(seed=st.integers(0, 2**63 - 1), position=st.integers(0, 10**7), before=st.integers(0, 3))
def test_a_batch_depends_on_the_seed_and_its_number_alone(seed, position, before):
    pairs = [coded(12, 9, 2, i) for i in range(4)]
    one, other = (sampler(pairs, augment=True, seed=(seed, 3)) for _ in range(2))
    for _ in range(before):
        other.draw()
    assert other.position == before
    one.position = other.position = position
    np.testing.assert_array_equal(whole(one.draw().hr), whole(other.draw().hr))
    assert one.position == position + 1


def test_workers_that_take_turns_draw_what_one_draws():
    pairs = [coded(12, 9, 2, i) for i in range(4)]
    alone = sampler(pairs, augment=True)
    workers = [sampler(pairs, augment=True) for _ in range(3)]
    for step in range(9):
        worker = workers[step % 3]
        worker.position = step
        np.testing.assert_array_equal(whole(worker.draw().lr), whole(alone.draw().lr))


def test_batches_differ_from_one_another():
    source = sampler([coded(40, 40, 2)], augment=True)
    drawn = {whole(source.draw().lr).tobytes() for _ in range(50)}
    assert len(drawn) == 50


def test_images_may_be_read_only_and_lie_in_memory_in_any_way():
    pair = coded(9, 8, 2)
    odd = [side[..., ::-1].copy()[..., ::-1] for side in (pair.hr, pair.lr)]
    for side in odd:
        side.setflags(write=False)
    plain, other = sampler([pair], augment=True), sampler([ImagePair("odd", *odd)], augment=True)
    np.testing.assert_array_equal(whole(plain.draw().hr), whole(other.draw().hr))


def test_the_images_are_left_as_they_are():
    pair = coded(8, 8, 2)
    source = sampler([pair], augment=True)
    source.draw().hr.mul_(0)
    np.testing.assert_array_equal(pair.hr, coded(8, 8, 2).hr)
