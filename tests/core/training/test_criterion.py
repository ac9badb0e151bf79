"""The weighted sum of losses that a training minimizes."""

import copy

import pytest
import torch
from torch import nn

from qnas.core.components import Loss, Operation, Quantizer
from qnas.core.errors import QnasError
from qnas.core.images.patches import Batch
from qnas.core.network import Candidate, Supernet, build_found, slot_candidates
from qnas.core.settings import FLOAT
from qnas.core.training.criterion import Criterion, teachers_in
from qnas.core.training.machine import Machine
from qnas.testing.small import SCALE, small_space

MACHINE = Machine(torch.device("cpu"))
BFLOAT16 = Machine(torch.device("cpu"), "bfloat16")


def terms(**losses: dict[str, object]) -> dict[str, Loss]:
    return {name: Loss.of({"name": name, **fields}) for name, fields in losses.items()}


def batch(seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    lr, hr = torch.rand(2, 3, 8, 8, generator=random), torch.rand(2, 3, 16, 16, generator=random)
    return Batch(*(image.contiguous(memory_format=torch.channels_last) for image in (lr, hr)))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    space = small_space()
    chosen = {path: Candidate(Operation.of("native"), FLOAT) for path in slot_candidates(space, SCALE)}
    return build_found(space, SCALE, chosen, Quantizer.of("none"))


def test_by_default_it_is_l1():
    given, student = batch(), network()
    expected = (student(given.lr) - given.hr).abs().mean()
    criterion = Criterion()
    assert criterion(MACHINE, student, given).item() == pytest.approx(expected.item(), rel=1e-6)
    assert criterion.last == criterion.means == {}


def test_a_sum_is_that_of_its_weighted_parts_and_says_them():
    given, student = batch(), network()
    criterion = Criterion(terms(l1={}, mse={"weight": 0.25}, charbonnier={"weight": 0}))
    error = (student(given.lr) - given.hr).detach()
    parts = {"l1": error.abs().mean().item(), "mse": 0.25 * error.square().mean().item()}
    value = criterion(MACHINE, student, given)
    assert value.item() == pytest.approx(sum(parts.values()), rel=1e-6)
    assert {name: part.item() for name, part in criterion.last["losses"].items()} == pytest.approx(parts)
    other = criterion(MACHINE, student, batch(1))
    means = criterion.means["losses"]
    assert sum(means.values()) == pytest.approx((value.item() + other.item()) / 2, rel=1e-6)
    again = Criterion(criterion.losses)
    again.load_state_dict(criterion.state_dict())
    assert again.means == criterion.means
    criterion.forget()
    assert criterion.means == {}


@pytest.mark.parametrize("name", ["l1", "charbonnier", "mse", "frequency"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_lies_as_the_image_does(name, layout):
    image = torch.rand(2, 3, 16, 16).contiguous(memory_format=layout).requires_grad_()
    inner = image * 1
    seen = []
    value = Criterion(terms(**{name: {}}))(MACHINE, lambda _: inner, batch())
    inner.register_hook(seen.append)  # behind the criterion's own
    value.backward()
    assert seen[0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("machine", [MACHINE, BFLOAT16], ids=["float32", "bfloat16"])
def test_a_student_that_is_its_teacher_has_no_loss(machine):
    student = network()
    losses = terms(distill={"teacher": "weights", "features": 1})
    criterion = Criterion(losses, {"weights": copy.deepcopy(student)}, student)
    assert criterion(machine, student.eval(), batch()).item() == pytest.approx(0, abs=1e-6)


def test_a_teacher_learns_nothing_and_is_in_evaluation_mode():
    student, teacher = network(), network(1).train()
    criterion = Criterion(terms(l1={}, distill={"teacher": "weights", "features": 0.1}), {"weights": teacher}, student)
    before = copy.deepcopy(teacher.state_dict())
    criterion(BFLOAT16, student.train(), batch()).backward()
    assert not teacher.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert not any(module._forward_hooks for module in (*student.modules(), *teacher.modules()))


def test_a_supernet_learns_from_the_features_of_a_network():
    """Both have the slots of the space under the same paths."""
    supernet = Supernet(small_space(), SCALE, Quantizer.of("noise"))
    losses = terms(distill={"teacher": "weights", "features": 0.1})
    criterion = Criterion(losses, {"weights": network(1)}, supernet.network)
    value = criterion(MACHINE, lambda lr: supernet(lr, supernet.probabilities()), batch())
    (of_alpha,) = torch.autograd.grad(value, [supernet.alpha])
    assert of_alpha.any()


def test_what_is_missing_is_told():
    taught = terms(distill={"teacher": "weights"})
    with pytest.raises(QnasError, match="there is no teacher 'weights'"):
        Criterion(taught)
    with pytest.raises(QnasError, match="give Criterion the network as its student"):
        Criterion(terms(distill={"teacher": "weights", "features": 1}), {"weights": network()})
    assert teachers_in(taught) == ["weights"]
    assert teachers_in(terms(l1={}, distill={"weight": 0})) == []


class PerPixel(Loss):
    def measure(self, enlarged, target):
        return (enlarged - target).abs()


def test_a_loss_that_is_no_number_is_told(registered):
    odd = {"odd": Loss.of(registered(PerPixel))}
    with pytest.raises(QnasError, match=r"the loss 'perpixel' has shape \(2, 3, 16, 16\), but must be a scalar"):
        Criterion(odd)(MACHINE, network(), batch())
