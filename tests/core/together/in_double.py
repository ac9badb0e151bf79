"""The command line of qnas in float64, where no rounding error moves a value to another integer."""

import sys

import torch

from qnas.core.cli.main import invoke

if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[assignment, method-assign]
    sys.exit(invoke(sys.argv[1:]))
