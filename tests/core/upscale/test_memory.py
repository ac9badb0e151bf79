"""How much memory a network takes, and how much there is."""

from pathlib import Path

import pytest
import torch
from torch import nn

from qnas.core.upscale import memory
from qnas.core.upscale.memory import available, footprint

CPU = torch.device("cpu")


class Branched(nn.Module):
    """Makes 8 channels from 3, then 5 from these while the 8 are in memory, and returns the 5."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 5, 1)

    def forward(self, image):
        features = self.first(image)
        return self.second(features)


def test_it_is_what_lives_at_a_time():
    assert footprint(Branched().eval()).per_pixel == pytest.approx(4 * (3 + 8 + 5))


def test_what_is_freed_or_only_looked_at_does_not_count():
    chain = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(6)), nn.Flatten(2))
    # The caller keeps the image; each of the others is made from one other.
    assert footprint(chain.eval()).per_pixel == pytest.approx(4 * 3 * 3)


def test_what_does_not_grow_with_the_image_is_distinguished():
    class Constant(nn.Module):
        def forward(self, image):
            kept = torch.zeros(10**6)
            return image + kept[0]

    measured = footprint(Constant())
    assert measured.per_pixel == pytest.approx(4 * (3 + 3), rel=0.01)
    assert measured.of(1000) == pytest.approx(4 * 10**6 + 24 * 1000, rel=0.01)


def test_the_network_is_left_as_it_was():
    network = nn.Conv2d(3, 3, 1)
    footprint(network)
    assert not network._forward_hooks
    assert network(torch.rand(1, 3, 5, 5)).requires_grad


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of /proc and /sys/fs/cgroup are read."""
    (tmp_path / "meminfo").write_text("MemTotal:  9000 kB\nMemAvailable:  5000 kB\nSwapFree:  1000 kB\n")
    (tmp_path / "cgroup/memory").mkdir(parents=True)
    monkeypatch.setattr(memory, "_MACHINE", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_of_process", lambda: iter(()))
    return tmp_path


def test_it_is_what_the_machine_has_with_swap(system):
    assert available(CPU) == 6000 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "kept"),
    [
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_may_have_less(system, limit, used, kept):
    folder = system / "cgroup"
    (folder / limit).write_text("3000000\n")
    (folder / used).write_text("2000000\n")
    assert available(CPU) == 1_000_000
    (folder / used).with_name("memory.stat").write_text(f"anon 5\n{kept} 200000\n")
    assert available(CPU) == 1_200_000  # the system frees caches of files
    (folder / limit).write_text("max\n")
    assert available(CPU) == 6000 * 1024


def test_the_limits_of_the_process_count(monkeypatch):
    resource = pytest.importorskip("resource")
    before = available(CPU)
    if before is None or not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells what the process has")
    size = int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line).split()[1])
    limits = {resource.RLIMIT_AS: (size * 1024 + 10**7, resource.RLIM_INFINITY)}
    infinite = (resource.RLIM_INFINITY,) * 2
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, infinite))
    assert 0 <= available(CPU) <= 10**7
