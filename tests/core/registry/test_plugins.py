import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from qnas.core import components
from qnas.core.components import Component, Cost, Dataset, Operation
from qnas.core.errors import InputError, QnasError
from qnas.core.registry import KINDS, PluginInfo, Plugins, hookimpl, plugins
from qnas.core.spec import Spec, load_spec

THIRD_PARTY = """
    from qnas.core.components import Cost
    from qnas.core.registry import hookimpl

    class Doubled(Cost):
        factor: int = 2
        def of_convolution(self, convolution):
            return self.factor * convolution.macs

    @hookimpl
    def qnas_register_costs(register):
        register("doubled", "qnas_third_party:Doubled", "Twice the MACs")
        register("tenfold", "qnas_third_party:Doubled", "Ten times the MACs", factor=10)
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An installed distribution with a plugin, as pip would leave it."""
    site = tmp_path / "site"
    info = site / "qnas_third_party-1.2.dist-info"
    info.mkdir(parents=True)
    (site / "qnas_third_party.py").write_text(textwrap.dedent(THIRD_PARTY))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: qnas-third-party\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[qnas]\nmine = qnas_third_party\n")
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("qnas_third_party", None)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """Plugins of this test's own, which components are looked up in until it ends."""
    loaded = plugins.__wrapped__()
    monkeypatch.setattr("qnas.core.components.component.plugins", lambda: loaded)
    return loaded


def info(name: str, distribution: str = "") -> PluginInfo:
    return PluginInfo(name, distribution or f"dist-{name}", "1.0", f"{name}:plugin")


def plugin(**hooks: Callable[..., None]) -> ModuleType:
    """A plugin module with these hooks."""
    module = ModuleType("a_plugin")
    for name, hook in hooks.items():
        setattr(module, name, hookimpl(hook))
    return module


def registering(*names: str, target: str = "nowhere:Thing", kind: str = "cost", **defaults: object) -> ModuleType:
    """A plugin that registers some components."""

    def implement(register):
        for name in names:
            register(name, target, "A thing", **defaults)

    return plugin(**{f"qnas_register_{kind}s": implement})


def entry_point(loads: object, name: str = "mine") -> EntryPoint:
    class Stub(EntryPoint):
        def load(self) -> object:
            if isinstance(loads, Exception):
                raise loads
            return loads

    return Stub(name, f"qnas_{name}.plugin", "qnas")


EVERY = [(kind, entry.name) for kind in KINDS for entry in plugins().registries[kind]]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_what_is_shipped_loads_as_a_component_of_its_kind(kind, name):
    registry = plugins().registries[kind]
    interface = getattr(components, kind.capitalize())
    assert issubclass(registry.load(name), interface)
    assert registry.entry(name).summary
    assert "\n" not in registry.entry(name).summary


def test_what_is_shipped_comes_in_through_entry_points_of_its_own_distribution():
    found = {i.name for i in plugins().found if i.distribution == "qnas"}
    assert found == {"plugins", "quantizers", "spaces"}
    assert {e.distribution for kind in KINDS for e in plugins().registries[kind]} >= {"qnas"}


def test_every_kind_has_a_component():
    assert {kind for kind, _ in EVERY} == set(KINDS)


def test_an_installed_distribution_is_found_by_its_entry_point(third_party):
    loaded = plugins.__wrapped__()
    mine = next(i for i in loaded.found if i.distribution == "qnas-third-party")
    assert (mine.name, mine.version, mine.target, mine.error) == ("mine", "1.2", "qnas_third_party", "")
    assert mine.registered == ["cost doubled", "cost tenfold"]
    assert loaded.registries["cost"].entry("doubled").distribution == "qnas-third-party"


def test_a_third_partys_component_is_as_good_as_a_shipped_one_in_a_spec(third_party, fresh, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("regularizers: {cost: {cost: {name: doubled, factor: 3}}}\n")
    cost = load_spec(path).regularizers["cost"].cost
    assert (cost.label, cost.factor) == ("doubled(factor=3)", 3)
    path.write_text("regularizers: {cost: {cost: {name: doubled, faktor: 3}}}\n")
    with pytest.raises(InputError, match=r"spec\.yaml:1:45: .*did you mean 'factor'"):
        load_spec(path)


def test_a_plugin_object_can_be_added_by_hand_and_does_not_outlive_its_registry(third_party, monkeypatch):
    own = Plugins()
    added = info("by-hand")
    own.add(registering("halved", target="qnas_third_party:Doubled", factor=5), added)
    assert added.registered == ["cost halved"]
    with monkeypatch.context() as patch:
        patch.setattr("qnas.core.components.component.plugins", lambda: own)
        assert Cost.of("halved").factor == 5
    with pytest.raises(ValidationError, match="no cost is named 'halved'"):
        Cost.of("halved")


def test_a_preset_changes_defaults_and_the_spec_changes_presets(third_party, fresh):
    assert Cost.of("doubled").factor == 2
    assert Cost.of("tenfold").factor == 10
    assert Cost.of({"name": "tenfold", "factor": 3}).factor == 3
    assert Cost.of("tenfold").reference() == "tenfold"
    assert Cost.of({"name": "tenfold", "factor": 2}).reference() == {"name": "tenfold", "factor": 2}


def test_a_preset_may_fill_in_a_field_that_has_no_default(fresh):
    fresh.add(registering("mine", target="qnas.plugins.datasets.folder:Folder", kind="dataset", path="a"), info("p"))
    assert Dataset.of("mine").reference() == "mine"
    for fields in ({"path": "b"}, {"lr_path": "c"}):
        assert Dataset.of({"name": "mine", **fields}).reference() == {"name": "mine", **fields}


@pytest.mark.parametrize(("name", "kernel", "groups"), [("conv5x5", 5, 1), ("conv3x3g2", 3, 2)])
def test_one_class_has_several_names(name, kernel, groups):
    operation = Operation.of(name)
    assert (operation.name, operation.kernel, operation.groups) == (name, kernel, groups)


def test_a_plugin_that_fails_at_import_is_skipped_with_a_warning():
    own = Plugins()
    points = [
        (entry_point(ImportError("no module named 'torchx'"), "bad"), "dist-bad", "0.1"),
        (entry_point(registering("good")), "dist-good", "0.2"),
    ]
    with pytest.warns(UserWarning, match=r"plugin 'bad' of dist-bad is skipped: .*no module named 'torchx'"):
        own.load(points)
    assert [(i.name, i.distribution) for i in own.broken] == [("bad", "dist-bad")]
    assert "torchx" in own.broken[0].error
    assert [e.name for e in own.registries["cost"]] == ["good"]


@pytest.fixture
def with_a_broken_plugin(fresh) -> Plugins:
    with pytest.warns(UserWarning):
        fresh.load([(entry_point(ZeroDivisionError("oops"), "bad"), "dist-bad", "0.1")])
    return fresh


def test_a_broken_plugin_is_named_when_a_spec_asks_for_what_is_not_there(with_a_broken_plugin, tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("space: ghost\n")
    with pytest.raises(InputError) as caught:
        load_spec(path)
    for part in ("no space is named 'ghost'", "plugin 'bad' of dist-bad", "ZeroDivisionError: oops"):
        assert part in str(caught.value)


def test_a_broken_plugin_is_no_matter_to_a_spec_that_does_not_need_it(with_a_broken_plugin):
    assert Spec(name="a").space.name == "basic"


def test_a_misspelt_hook_is_an_error_that_names_plugin_distribution_and_hook():
    def qnas_register_kosts(register):
        pass

    with pytest.raises(QnasError) as caught:
        Plugins().add(plugin(qnas_register_kosts=qnas_register_kosts), info("typo"))
    for part in ("'typo'", "dist-typo", "qnas_register_kosts"):
        assert part in str(caught.value)


def test_two_plugins_with_one_name_are_an_error_and_the_first_stays():
    own = Plugins()
    own.add(registering("bits", "a"), info("first"))
    with pytest.raises(QnasError) as caught:
        own.add(registering("bits"), info("second"))
    assert "dist-first" in str(caught.value)
    assert "dist-second" in str(caught.value)
    assert [(e.name, e.distribution) for e in own.registries["cost"]] == [
        ("a", "dist-first"),
        ("bits", "dist-first"),
    ]


def test_a_plugin_that_clashes_leaves_nothing_behind():
    own = Plugins()
    own.add(registering("bits"), info("first"))
    with pytest.raises(QnasError):
        own.add(registering("extra", "bits"), info("second"))
    assert [e.name for e in own.registries["cost"]] == ["bits"]


def test_components_of_different_kinds_may_share_a_name():
    own = Plugins()
    own.add(registering("same"), info("a"))
    own.add(registering("same", kind="space"), info("b"))
    assert own.registries["cost"].entry("same").distribution == "dist-a"
    assert own.registries["space"].entry("same").distribution == "dist-b"


def test_a_hook_with_an_unknown_argument_is_an_error_of_the_plugin():
    def qnas_register_costs(register, extra):
        pass

    with pytest.raises(QnasError, match="dist-odd"):
        Plugins().add(plugin(qnas_register_costs=qnas_register_costs), info("odd"))


def test_a_hook_that_fails_is_an_error_of_the_plugin():
    def qnas_register_costs(register):
        raise RuntimeError("no driver")

    with pytest.raises(QnasError, match="dist-odd: no driver"):
        Plugins().add(plugin(qnas_register_costs=qnas_register_costs), info("odd"))


@pytest.mark.parametrize(
    "target",
    [
        "json:dumps",
        "qnas.core.components:Component",
        "qnas.plugins.residuals.plain:PlainResidual",
        "qnas.core.components:Cost",
    ],
)
def test_a_target_that_is_no_component_of_the_kind_is_refused(target, fresh):
    fresh.add(registering("odd", target=target), info("odd"))
    with pytest.raises(ValidationError, match="the cost 'odd' of dist-odd is no class of that kind"):
        Cost.of("odd")


def test_components_are_found_in_the_registry_of_their_own_kind():
    with pytest.raises(ValidationError, match="no cost is named 'lsq'"):
        Cost.of("lsq")
    assert issubclass(Cost, Component)
