from types import SimpleNamespace

import pluggy
import pytest

from qnas.core.errors import QnasError
from qnas.core.registry import hook_names, hookimpl
from qnas.core.registry.hook_check import refuse_odd_hooks


def takes(*arguments: str, default: str = ""):
    """A function with these arguments."""
    names: dict[str, object] = {}
    exec(f"def function({', '.join([*arguments, *filter(None, [default])])}): pass", names)
    return names["function"]


def test_every_hook_is_known():
    assert {"qnas_register_spaces", "qnas_register_reports", "qnas_step", "qnas_stage_ended"} <= set(hook_names())
    assert not {"hookspec", "hookimpl", "PROJECT"} & set(hook_names())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("qnas_register_kosts", r"no hook is named 'qnas_register_kosts'; did you mean 'qnas_register_costs'\?"),
        ("qnas_stages_began", r"did you mean 'qnas_stage_began'\?"),
        ("wavelets", r"no hook is named 'wavelets'; hooks: qnas_register_spaces, "),
    ],
)
def test_a_misspelt_hook_is_told_with_the_nearest(name, message):
    with pytest.raises(QnasError, match=message):
        refuse_odd_hooks(SimpleNamespace(**{name: hookimpl(takes("register"))}))


def test_an_argument_that_a_hook_is_not_given_is_told_with_those_that_it_is():
    odd = SimpleNamespace(qnas_step=hookimpl(takes("step", "loss")))
    with pytest.raises(QnasError, match=r"qnas_step is not given 'loss' \(it is given: folder, stage, step, metrics\)"):
        refuse_odd_hooks(odd)


@pytest.mark.parametrize("name", ["qnas_step", "qnas_steps", "qnas_register_spaces", "qnas_register_kosts"])
@pytest.mark.parametrize("mark", [lambda function: function, pluggy.HookimplMarker("another")])
def test_a_hook_without_its_mark_is_told(name, mark):
    with pytest.raises(QnasError, match=f"{name} is no hook without @qnas.hookimpl above it"):
        refuse_odd_hooks(SimpleNamespace(**{name: mark(takes("register"))}))


def test_a_class_is_no_plugin():
    class Hooks:
        pass

    with pytest.raises(QnasError, match=r"names the class .*Hooks: it must name a module or an object"):
        refuse_odd_hooks(Hooks)


def test_a_hook_that_would_never_run_is_told():
    async def qnas_step(step):
        pass

    with pytest.raises(QnasError, match="qnas_step is async: it would never run"):
        refuse_odd_hooks(SimpleNamespace(qnas_step=hookimpl(qnas_step)))


def test_what_is_right_passes():
    hooks = {
        "qnas_step": hookimpl(takes("metrics")),
        "qnas_stage_began": hookimpl(takes(default="every=2")),
        "log_step": hookimpl(specname="qnas_step")(takes("step")),
        "helper": takes("anything"),
        "qnas_helper": takes("anything"),
        "qnas_version": "1.0",
    }
    refuse_odd_hooks(SimpleNamespace(**hooks))
