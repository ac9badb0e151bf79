"""What is to be run: a spec's file, read for a run that begins, or that goes on."""

from pathlib import Path

from qnas.core.files.folder import RunFolder
from qnas.core.files.home import at_home
from qnas.core.run.record import RunRecord
from qnas.core.settings import as_of
from qnas.core.spec import Overrides, SpecFile, open_spec, read_spec
from qnas.core.spec.run_name import is_name


def read_to_run(spec: Path, overrides: Overrides, out: Path | None, *, resume: bool) -> tuple[SpecFile, RunFolder]:
    """The spec and the run's folder.

    Args:
        spec: The spec's file.
        overrides: As for :func:`qnas.core.spec.read_spec`.
        out: The run's folder, if it is not ``runs/<name of the spec>``.
        resume: Whether the run goes on: then a spec that states no version has that of the run.

    Raises:
        InputError: The message has one line for each mistake in the spec.
    """
    begun = _begun_in(spec, out, overrides) if resume else None
    if begun is None:
        file = read_spec(spec, overrides)
        return file, RunFolder(folder_of(out, file.spec.name))
    folder = RunFolder(begun)
    with at_home(begun), as_of(RunRecord(folder).spec_version):
        return read_spec(spec, overrides), folder


def folder_of(out: Path | None, name: str) -> Path:
    """The folder of a run: ``out``, or by default one that is named after its spec."""
    return out or Path("runs") / name


def _begun_in(spec: Path, out: Path | None, overrides: Overrides) -> Path | None:
    """The folder of the run to resume: it has copies of the files that the spec names, which may be gone by now."""
    name = open_spec(spec, overrides).data["name"]
    return folder_of(out, name) if out or is_name(name) else None
