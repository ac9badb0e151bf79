"""What is deprecated still works, with a warning that names its successor."""

import warnings
from pathlib import Path
from types import ModuleType

import click
import pluggy
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

import qnas
from qnas.core.cli.main import invoke
from qnas.core.deprecation import Deprecated, DeprecatedField, QnasDeprecationWarning, deprecated_names
from qnas.core.settings import Settings
from qnas.core.spec import Spec


class Start(Settings):
    """A group of fields of which two have new names.

    Attributes:
        start: Where to begin.
        seconds: How long.
    """

    deprecated_fields = {
        "init": DeprecatedField("0.2", "start"),
        "minutes": DeprecatedField("0.3", "seconds", lambda minutes: 60 * minutes),
    }

    start: str = "scratch"
    seconds: int = 60


def test_an_old_field_stands_for_the_new_one() -> None:
    with pytest.warns(QnasDeprecationWarning, match=r"'init' is deprecated since 0\.2 .* removed in 0\.4: use 'start'"):
        assert Start.model_validate({"init": "supernet"}) == Start(start="supernet")
    with pytest.warns(QnasDeprecationWarning, match="'minutes'"):
        assert Start.model_validate({"minutes": 2}) == Start(seconds=120)


def test_a_new_field_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Start.model_validate({"start": "float", "seconds": 3}) == Start(start="float", seconds=3)


def test_an_old_field_beside_the_new_one_is_refused_at_its_place() -> None:
    with pytest.raises(ValidationError, match="old name of 'start'") as caught:
        Start.model_validate({"init": "supernet", "start": "float"})
    assert caught.value.errors()[0]["loc"] == ("init",)


def test_what_is_written_again_has_the_new_name() -> None:
    with pytest.warns(QnasDeprecationWarning):
        assert Start.model_validate({"init": "supernet"}).model_dump() == {"start": "supernet", "seconds": 60}


def test_editors_know_the_old_field_as_deprecated() -> None:
    properties = Start.model_json_schema()["properties"]
    assert properties["init"] == {"deprecated": True, "description": "The old name of start."}
    assert "deprecated" not in properties["start"]


def test_a_command_prints_the_warning_in_a_line(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Spec, "deprecated_fields", {"factor": DeprecatedField("0.2", "scale")})
    tiny.write_text(tiny.read_text().replace("scale: 2", "factor: 2"))
    with warnings.catch_warnings():  # as the command line leaves them to be printed
        warnings.simplefilter("default")
        with pytest.warns(QnasDeprecationWarning, match="use 'scale'"):
            assert invoke(["check", str(tiny)]) == 0


def test_an_old_command_warns_and_does_the_work() -> None:
    @click.command(hidden=True)
    def old() -> None:
        Deprecated("0.2", "qnas new").warn("the command 'old'")
        click.echo("done")

    with pytest.warns(QnasDeprecationWarning, match="the command 'old' .* use qnas new"):
        assert CliRunner().invoke(old).output == "done\n"


def test_an_old_public_name_is_its_successor() -> None:
    find = deprecated_names("qnas", {"OldSpec": Deprecated("0.2", "Spec")}, lambda name: getattr(qnas, name))
    with pytest.warns(QnasDeprecationWarning, match=r"qnas\.OldSpec is deprecated .* use Spec"):
        assert find("OldSpec") is qnas.Spec
    assert find("Space") is qnas.Space
    with pytest.raises(AttributeError):
        find("Nothing")


def test_a_plugin_that_implements_an_old_hook_is_warned() -> None:
    specs, plugin = ModuleType("specs"), ModuleType("plugin")
    warning = Deprecated("0.2", "qnas_step").warning("the hook qnas_old")

    @pluggy.HookspecMarker("qnas")(warn_on_impl=warning)
    def qnas_old() -> None:
        """An old hook."""

    specs.qnas_old = qnas_old  # type: ignore[attr-defined]
    plugin.qnas_old = qnas.hookimpl(lambda: None)  # type: ignore[attr-defined]
    manager = pluggy.PluginManager("qnas")
    manager.add_hookspecs(specs)
    with pytest.warns(QnasDeprecationWarning, match="qnas_old .* use qnas_step"):
        manager.register(plugin)


def test_since_is_a_minor_version() -> None:
    assert Deprecated("1.9", "x").removed_in == "1.11"
    with pytest.raises(ValueError, match="minor version"):
        Deprecated("1", "x")
