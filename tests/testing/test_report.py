"""The contract of reports: each way to break it is reported."""

import pytest

from qnas.core.components import Report
from qnas.testing import check_report


class Short(Report):
    """Meets the contract."""

    def write(self, folder):
        folder.write_text("notes/short.txt", f"{folder.read_json('result.json')['params']} parameters\n")
        return "notes/short.txt"


class Elsewhere(Short):
    def write(self, folder):
        super().write(folder)
        return "short.txt"


class Unwritten(Report):
    def write(self, folder):
        return "result.json"


class Outside(Report):
    def write(self, folder):
        (folder.path.parent / "short.txt").write_text("0 parameters")
        return "../short.txt"


class Blank(Report):
    def write(self, folder):
        folder.write_text("short.txt", "")
        return "short.txt"


class Tidy(Short):
    def write(self, folder):
        (folder.path / "model.safetensors").unlink()
        return super().write(folder)


class Whole(Short):
    def write(self, folder):
        super().write(folder)
        return folder.path / "notes" / "short.txt"


class Curious(Short):
    """Reads files that only a search writes."""

    def write(self, folder):
        folder.read_json("search/result.json")["best_epoch"]
        return super().write(folder)


def test_one_that_keeps_it_passes(registered):
    check_report(registered(Short))


@pytest.mark.parametrize(
    ("component", "message"),
    [
        (Elsewhere, "it names 'short.txt', but writes notes/short.txt"),
        (Unwritten, "it names 'result.json', but writes nothing"),
        (Outside, "it writes outside the run's folder: short.txt"),
        (Blank, "the file that it writes, 'short.txt', is empty"),
        (Tidy, "^the report 'tidy': for the run of a search: it changes files of the run: model.safetensors$"),
        (Whole, "it returns PosixPath.* as the name of its file, which is not a string"),
        (Curious, "for the run of a network without a search: KeyError: 'best_epoch'"),
    ],
)
def test_what_breaks_it_is_told(registered, component, message):
    with pytest.raises(AssertionError, match=message):
        check_report(registered(component))
