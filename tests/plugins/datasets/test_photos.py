import numpy as np
import skimage.data

from qnas.plugins.datasets.photos import Photos


def test_there_are_five_photographs_in_colour():
    images = list(Photos().images(2))
    assert len(images) == 5
    for image in images:
        assert min(image.hr.shape[:2]) >= 256
        assert image.hr.std() > 20
        assert image.lr is None


def test_each_is_the_photograph_that_its_name_says():
    by_name = {image.name: image.hr for image in Photos().images(2)}
    np.testing.assert_array_equal(by_name["chelsea"], skimage.data.chelsea())
    np.testing.assert_array_equal(by_name["motorcycle_left"], skimage.data.stereo_motorcycle()[0])
