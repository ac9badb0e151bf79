import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

import qnas
from qnas.core.components import Component, Cost, Dataset, Operation
from qnas.core.errors import InputError, QnasError
from qnas.core.registry import BY_NAME, KINDS, PluginInfo, Plugins, find_plugins, hookimpl, plugins
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
    """An installed distribution with a plugin, as installed by pip."""
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
    """Plugins of this test alone, in which components are looked up until it ends."""
    loaded = find_plugins()
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

    return plugin(**{BY_NAME[kind].hook: implement})


def entry_point(loads: object, name: str = "mine") -> EntryPoint:
    class Stub(EntryPoint):
        def load(self) -> object:
            if isinstance(loads, BaseException):
                raise loads
            return loads

    return Stub(name, f"qnas_{name}.plugin", "qnas")


EVERY = [(kind, entry.name) for kind in KINDS for entry in plugins().registries[kind]]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_what_is_shipped_loads_as_a_component_of_its_kind(kind, name):
    registry = plugins().registries[kind]
    interface = getattr(qnas, kind.capitalize())
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
    loaded = find_plugins()
    mine = next(i for i in loaded.found if i.distribution == "qnas-third-party")
    assert (mine.name, mine.version, mine.target, mine.error) == ("mine", "1.2", "qnas_third_party", "")
    assert mine.registered == ("cost doubled", "cost tenfold")
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
    added = own.add(registering("halved", target="qnas_third_party:Doubled", factor=5), info("by-hand"))
    assert added.registered == ("cost halved",)
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
        (entry_point(ImportError("no module named 'torchx'"), "bad"), info("bad")),
        (entry_point(registering("good")), info("good")),
    ]
    with pytest.warns(UserWarning, match=r"plugin 'bad' of dist-bad is skipped: .*no module named 'torchx'"):
        own.load(points)
    bad, good = own.found
    assert (bad.name, bad.distribution, good.error) == ("bad", "dist-bad", "")
    assert "torchx" in bad.error
    assert [e.name for e in own.registries["cost"]] == ["good"]


@pytest.fixture
def with_a_broken_plugin(fresh) -> Plugins:
    with pytest.warns(UserWarning):
        fresh.load([(entry_point(ZeroDivisionError("oops"), "bad"), info("bad"))])
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


def test_a_plugin_that_leaves_the_process_at_import_is_only_skipped():
    own = Plugins()
    with pytest.warns(UserWarning, match="SystemExit"):
        own.load([(entry_point(SystemExit(3), "bad"), info("bad")), (entry_point(registering("good")), info("good"))])
    assert [e.name for e in own.registries["cost"]] == ["good"]


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


def test_two_names_of_one_plugin_are_told_and_the_first_stays():
    heard = []

    def qnas_step(step):
        heard.append(step)

    one = plugin(qnas_step=qnas_step, qnas_register_costs=lambda register: None)
    own = Plugins()
    own.add(one, info("first"))
    with pytest.raises(QnasError, match="it is the same as plugin 'first' of dist-first"):
        own.add(one, info("second"))
    own.manager.hook.qnas_step(folder=None, stage="train", step=7, metrics={})
    assert heard == [7]


def test_a_hook_may_wrap_others():
    heard = []

    def qnas_step(step):
        heard.append("before")
        yield
        heard.append("after")

    own = Plugins()
    module = ModuleType("a_plugin")
    module.qnas_step = hookimpl(wrapper=True)(qnas_step)
    own.add(module, info("wrapping"))

    def plain(step):
        heard.append(step)

    own.add(plugin(qnas_step=plain), info("plain"))
    own.manager.hook.qnas_step(folder=None, stage="train", step=1, metrics={})
    assert heard == ["before", 1, "after"]


def test_components_of_different_kinds_may_share_a_name():
    own = Plugins()
    own.add(registering("same"), info("a"))
    own.add(registering("same", kind="space"), info("b"))
    assert own.registries["cost"].entry("same").distribution == "dist-a"
    assert own.registries["space"].entry("same").distribution == "dist-b"


@pytest.mark.parametrize("error", [RuntimeError("no driver"), SystemExit("no driver")])
def test_a_hook_that_fails_is_an_error_of_the_plugin(error):
    def qnas_register_costs(register):
        register("half", "nowhere:Thing", "A thing")
        raise error

    own = Plugins()
    with pytest.warns(UserWarning, match="plugin 'odd' of dist-odd is skipped: .*no driver"):
        own.load([(entry_point(plugin(qnas_register_costs=qnas_register_costs), "odd"), info("odd"))])
    assert own.lacking == [f"plugin 'odd' of dist-odd failed: {type(error).__name__}: no driver"]
    assert not list(own.registries["cost"])


def test_a_name_that_two_third_parties_claim_is_nobodys(fresh):
    fresh.add(registering("bits", target="qnas.plugins.costs.counts:Macs"), info("first"))
    with pytest.warns(UserWarning, match="two costs are named 'bits'"):
        fresh.load([(entry_point(registering("bits"), "second"), info("second"))])
    with pytest.raises(ValidationError, match=r"one of dist-first .* and one of dist-second"):
        Cost.of("bits")
    assert Cost.of("macs")


def test_a_name_of_ours_stays_ours(fresh):
    with pytest.warns(UserWarning, match="two costs are named 'macs'"):
        fresh.load([(entry_point(registering("macs"), "second"), info("second"))])
    assert Cost.of("macs").comes_from() == "qnas"


def test_a_component_that_can_not_be_imported_is_no_matter_to_the_schema(fresh):
    fresh.add(registering("lost", target="no_such_module:Thing"), info("lost"))
    schema = str(Spec.model_json_schema())
    assert "'bitops'" in schema
    with pytest.raises(ValidationError, match="no_such_module"):
        Cost.of("lost")


@pytest.mark.parametrize(("names", "kept"), [(None, "ab"), ([], ""), (["dist_A"], "a"), (["b", "qnas-a"], "ab")])
def test_a_selection_narrows_what_is_loaded_but_for_ours(names, kept):
    own = Plugins()
    ours = (entry_point(registering("macs"), "ours"), info("ours", "qnas"))
    third = [(entry_point(registering(name), name), replace(info(name), target=f"qnas_{name}.plugin")) for name in "ab"]
    own.load([ours, *third], names)
    assert [e.name for e in own.registries["cost"]] == [*kept, "macs"]
    assert own.lacking == [f"plugin '{n}' of dist-{n} is left out by QNAS_PLUGINS" for n in "ab" if n not in kept]


def test_a_spec_that_needs_a_plugin_that_is_left_out_says_so(fresh):
    fresh.load([(entry_point(registering("mine"), "a"), info("a"))], [])
    with pytest.raises(ValidationError, match=r"no cost is named 'mine'.*; plugin 'a' of dist-a is left out"):
        Cost.of("mine")


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
    with pytest.raises(ValidationError, match="the cost 'odd' of dist-odd is not a class of that kind"):
        Cost.of("odd")


def test_components_are_found_in_the_registry_of_their_own_kind():
    with pytest.raises(ValidationError, match="no cost is named 'lsq'"):
        Cost.of("lsq")
    assert issubclass(Cost, Component)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (
            qnas.API_VERSION + 1,
            f"version {qnas.API_VERSION + 1} of qnas's API, and this one has {qnas.API_VERSION}: upgrade qnas",
        ),
        (0, "upgrade the plugin"),
        ("one", "its QNAS_API is 'one': it must be a version of the API"),
    ],
)
def test_a_plugin_for_another_api_is_refused_with_what_to_upgrade(stated: object, told: str) -> None:
    with pytest.raises(QnasError, match=re.escape(told)):
        Plugins().add(for_api(stated), info("mine"))


def test_a_plugin_for_this_api_is_loaded() -> None:
    assert Plugins().add(for_api(qnas.API_VERSION), info("mine")).error == ""


def for_api(stated: object) -> ModuleType:
    made = plugin()
    made.__dict__["QNAS_API"] = stated
    return made
