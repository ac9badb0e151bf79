"""The contract of targets: each way to break it is reported."""

import numpy as np
import pytest
import torch

from qnas.core.components import Target
from qnas.core.errors import InputError
from qnas.testing import check_target


class Kept(Target):
    """Keeps it: PyTorch's own files, of networks for any size."""

    suffix = ".pt2"
    requires = ("torch",)

    def write(self, program, path):
        torch.export.save(program, path)

    def load(self, path, threads=0):
        network = torch.export.load(path).module()

        def run(lr):
            with torch.no_grad():
                return network(torch.from_numpy(lr)).numpy()

        return run


class Fixed(Kept):
    """Keeps it too, at one size, and with nothing but integers."""

    any_size = False
    between = frozenset({8})
    fills = 8


class Nameless(Kept):
    suffix = "pt2"


class Slow(Kept):
    native_bits = frozenset()


class Undecided(Kept):
    between = frozenset({None})
    fills = 8


class Lacking(Kept):
    requires = ("torch", "a-runtime-that-is-not-there")


class Boastful(Kept):
    def versions(self):
        return {"torch": "99.0"}


class Numeric(Kept):
    def settings(self):
        return {"threads": 1}


class Elsewhere(Kept):
    def write(self, program, path):
        super().write(program, path.with_name("other.pt2"))


class Talkative(Kept):
    def write(self, program, path):
        super().write(program, path)
        path.with_name("notes.txt").write_text("written")


class Unsteady(Kept):
    def write(self, program, path):
        super().write(program, path)
        with path.open("ab") as file:
            file.write(np.random.default_rng().bytes(8))


class Revealing(Kept):
    def write(self, program, path):
        super().write(program, path)
        with path.open("ab") as file:
            file.write(str(path).encode())


class Sourced(Kept):
    def write(self, program, path):
        for node in program.graph.nodes:
            node.meta["stack_trace"] = 'File "network.py", line 1, in forward'
        super().write(program, path)


class Meddling(Kept):
    def write(self, program, path):
        super().write(program, path)
        next(iter(program.state_dict.values())).data.add_(1)


class Refusing(Kept):
    def write(self, program, path):
        raise InputError("it has no form for convolutions")


class Verbose(Kept):
    def write(self, program, path):
        raise InputError("it has no form for convolutions\nnor for anything else")


class Littering(Kept):
    def write(self, program, path):
        path.touch()
        raise InputError("it has no form for convolutions")


class Failing(Kept):
    def write(self, program, path):
        raise KeyError("aten.conv2d")


class Half(Kept):
    """Knows nothing of wide integers between slots."""

    def write(self, program, path):
        super().write(program, path)
        wide = [node for node in program.graph.nodes if torch.uint16 in node.args or torch.int16 in node.args]
        path.with_suffix(".wide").touch() if wide else None


class Brighter(Kept):
    def load(self, path, threads=0):
        run = super().load(path)
        return lambda lr: run(lr) + np.float32(0.02)


class Parallel(Kept):
    def load(self, path, threads=0):
        if threads:
            raise ValueError("it takes as many threads as there are")
        return super().load(path)


class Doubled(Kept):
    def load(self, path, threads=0):
        run = super().load(path)
        return lambda lr: run(lr).astype(np.float64)


class Tensors(Kept):
    def load(self, path, threads=0):
        run = super().load(path)
        return lambda lr: torch.from_numpy(run(lr))


class Careless(Kept):
    """Returns its own memory."""

    def load(self, path, threads=0):
        run, memory = super().load(path), {}

        def careless(lr):
            sr = run(lr)
            kept = memory.setdefault(sr.shape, sr)
            kept[:] = sr
            return kept

        return careless


class InPlace(Kept):
    def load(self, path, threads=0):
        run = super().load(path)
        return lambda lr: run(np.multiply(lr, 0.5, out=lr))


pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.slow
@pytest.mark.parametrize("component", [Kept, Fixed])
def test_one_that_keeps_it_passes(registered, component):
    check_target(registered(component))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Nameless, "its suffix is 'pt2'; it must be a dot and what stands behind it"),
        (Slow, "it states no native_bits"),
        (Undecided, r"it fills joints with 8 bits, but can run only \[None\] there"),
        (
            Lacking,
            "^the target 'lacking': it can't be checked here: the target 'lacking' needs a-runtime-that-is-not-there,"
            r" which is not installed: \S+ -m pip install a-runtime-that-is-not-there$",
        ),
        (Boastful, "its versions are {'torch': '99.0'}, but installed are {'torch': "),
        (Numeric, "its settings are {'threads': 1}, not texts by their names"),
        (Elsewhere, "^the target 'elsewhere': for a network at 8 bits: it writes no file, or an empty one$"),
        (Talkative, "it writes more than one file: notes.txt"),
        (Unsteady, "for a network at mixed bit-widths: written again: its file has other bytes"),
        (Revealing, "its file has '/.*' in it: no path or line of code of this machine may be there"),
        (Sourced, r"its file has 'File .*' in it"),
        (Meddling, "it changes the network that it is given"),
        (Refusing, "^the target 'refusing': it refuses every network: it has no form for convolutions$"),
        (Verbose, "it refuses a network in other than one line: 'it has no form for convolutions.nnor"),
        (Littering, "it refuses a network, but leaves a file"),
        (Failing, "for a network at 8 bits: KeyError: 'aten.conv2d'"),
        (Half, "for a network at 8 bits with 16 bits between its slots: it writes more than one file: first.wide"),
        (Brighter, "with threads=0: its file gives different images than the network: "),
        (Parallel, "with threads=1: ValueError: it takes as many threads as there are"),
        (Doubled, r"what it loads makes \(1, 3, 48, 56\) float64, not \(1, 3, 48, 56\) float32"),
        (Tensors, "what it loads makes an object of type Tensor, not an array"),
        (Careless, "what it loads changes the image that it made before: return a copy"),
        (InPlace, "what it loads changes the image that it is given"),
    ],
)
def test_what_breaks_it_is_reported(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_target(registered(component))
