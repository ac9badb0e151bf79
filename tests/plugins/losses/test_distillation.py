"""Distillation: a teacher's images and features."""

import numpy as np
import pytest
import torch

from qnas.core.components import Enlarged, Loss
from qnas.core.errors import QnasError
from qnas.plugins.losses.distillation import attention_distance

PLAIN = Loss.of("distill")
WHOLE = Loss.of({"name": "distill", "features": 0.5})


def made(seed: int, channels: int = 4, size: int = 6, slot: str = "body") -> Enlarged:
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(2, channels, size, size, generator=random)
    return Enlarged(torch.rand(2, 3, 12, 12, generator=random), {slot: features})


def attention(features: torch.Tensor) -> np.ndarray:
    maps = (features.double().numpy() ** 2).sum(axis=1).reshape(len(features), -1)
    return maps / np.sqrt((maps**2).sum(axis=1, keepdims=True))


def test_it_compares_with_the_teacher_and_not_with_the_hr_image():
    student, teacher, hr = made(0), made(1), torch.full((2, 3, 12, 12), float("nan"))
    expected = (student.image - teacher.image).abs().mean()
    assert PLAIN.compare(student, hr, teacher).item() == pytest.approx(expected.item(), rel=1e-6)
    apart = ((attention(student.features["body"]) - attention(teacher.features["body"])) ** 2).sum(axis=1).mean()
    assert WHOLE.compare(student, hr, teacher).item() == pytest.approx(expected.item() + 0.5 * apart, rel=1e-5)


def test_a_student_that_is_its_teacher_has_nothing_to_learn():
    teacher = made(0)
    student = Enlarged(*(value.clone().requires_grad_() for value in (teacher.image, teacher.features["body"])))
    student = Enlarged(student.image, {"body": student.features})
    value = WHOLE.compare(student, teacher.image, teacher)
    value.backward()
    assert value.item() == 0
    assert not student.image.grad.any()
    assert student.features["body"].grad.abs().max() < 1e-6


def test_features_are_compared_whatever_their_number_size_and_sign():
    student, teacher = made(0, channels=4), made(1, channels=9)
    value = attention_distance(student, teacher).item()
    assert 0 < value < 2
    louder = Enlarged(student.image, {"body": -3 * student.features["body"]})
    assert attention_distance(louder, teacher).item() == pytest.approx(value, rel=1e-5)
    silent = Enlarged(student.image, {"body": torch.zeros(2, 4, 6, 6, requires_grad=True)})
    attention_distance(silent, teacher).backward()
    assert silent.features["body"].grad.isfinite().all()


@pytest.mark.parametrize("other", [made(1, slot="tail"), made(1, size=5), Enlarged(torch.rand(2, 3, 12, 12))])
def test_without_a_shared_slot_there_is_nothing_to_compare(other):
    with pytest.raises(QnasError, match="share no slot of one size: leave out 'features'"):
        attention_distance(made(0), other)


def test_without_its_teacher_it_says_so():
    with pytest.raises(QnasError, match="the loss 'distill' needs its teacher"):
        PLAIN.compare(made(0), torch.zeros(1), None)
