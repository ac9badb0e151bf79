"""Third-party files of weights, read without executing anything in them."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import safetensors
import safetensors.torch
import torch

from qnas.core.errors import InputError

_ZIP: Final = b"PK\x03\x04"
_LEGACY: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began a file before it was a zip archive
_GLOBAL: Final = re.compile(r"GLOBAL (\S+)")
_KINDS: Final = "safetensors, or a state dict written by torch.save"
_DATA: Final = {
    "argparse": ("Namespace",),
    "datetime": ("datetime", "date", "timedelta"),
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": ("scalar", "_reconstruct"),
    "numpy._core.multiarray": ("scalar", "_reconstruct"),
    "numpy.dtypes": (
        *("Float16DType", "Float32DType", "Float64DType", "BoolDType", "StrDType", "ObjectDType"),
        *(f"{sign}Int{bits}DType" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    ),
    "pathlib": ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
    "pathlib._local": ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
}
"""Types that training scripts keep beside weights: the step as a NumPy number, their options."""


class _Unused:
    """Stands in for anything kept beside weights. It accepts and keeps nothing, so NumPy's own code never runs."""

    def __new__(cls, *_: Any, **__: Any) -> "_Unused":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...

    def __hash__(self) -> int:
        return id(self)


_STAND_INS: Final[list[Callable[..., Any] | tuple[Callable[..., Any], str]]] = [
    type(name, (_Unused,), {"__module__": module}) for module, names in _DATA.items() for name in names
]


def read_weights_file(path: Path) -> Any:
    """The content of a file of weights: for a state dict, or a checkpoint that has one, nested mappings.

    Whatever scripts keep beside weights (NumPy numbers, options) becomes placeholder objects.

    Raises:
        InputError: The file can't be read, is not a file of weights, is cut short or damaged, or would run code.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"can't read {path}: it is not a regular file")
        with path.open("rb") as stream:
            start = stream.read(32)
        if not start:
            raise InputError(f"{path} is cut short or damaged: it is empty")
        if _is_safetensors(path, start):
            return _read_safetensors(path)
        if start.startswith(_ZIP):
            _refuse_other_archives(path)
        elif not _LEGACY.startswith(start[: len(_LEGACY)]):
            raise InputError(f"{path} is not a file of weights ({_KINDS})")
        return _read_torch(path)
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}") from error


def _is_safetensors(path: Path, start: bytes) -> bool:
    """Decide by the content, whatever the file is called; by the suffix where the content is unclear."""
    size = int.from_bytes(start[:8], "little")
    is_header = len(start) > 8 and start[8:9] == b"{" and size < path.stat().st_size
    return is_header or (path.suffix == ".safetensors" and not start.startswith((_ZIP, _LEGACY)))


def _read_safetensors(path: Path) -> Any:
    try:
        return safetensors.torch.load_file(path)
    except OSError:
        raise
    except Exception as error:  # of any kind, for a damaged file
        raise _damaged(path) from error


def _refuse_other_archives(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [Path(name).name for name in archive.namelist()]
            wrong = archive.testzip()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path) from error
    if "data.pkl" not in names:
        raise InputError(f"{path} is not a file of weights ({_KINDS}), but an archive of other files")
    if "constants.pkl" in names:
        raise InputError(f"{path} is a TorchScript program, which would run code: save its state_dict()")
    if wrong is not None:
        raise InputError(f"{path} is damaged: the checksum of {wrong} in it is wrong")


def _read_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of any kind, for a damaged file
        named = _GLOBAL.search(str(error))
        if named:
            reason = f"it holds more than tensors and plain values ({named[1]}), and reading that could run code"
            raise InputError(f"{path} is refused: {reason}; save only the network's state_dict()") from error
        raise _damaged(path) from error


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is cut short or damaged")
