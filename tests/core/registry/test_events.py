import pytest

from qnas.core.registry import Events, hookimpl, plugins


class Listener:
    def __init__(self, hook):
        self.hook = hook

    @hookimpl
    def qnas_step(self, step):
        self.hook(step)


@pytest.fixture
def listening():
    """Registers listeners until the test ends."""
    manager, added = plugins().manager, []

    def listen(hook, name):
        added.append(Listener(hook))
        manager.register(added[-1], name=name)

    yield listen
    for plugin in added:
        manager.unregister(plugin)


@pytest.mark.parametrize("error", [OSError("disk full"), SystemExit("disk full")])
def test_a_plugin_that_fails_is_told_of_once_and_the_others_go_on(error, listening):
    heard = {"good": [], "bad": [], "fine": []}

    def fail(step):
        heard["bad"].append(step)
        raise error

    listening(heard["good"].append, "good")
    listening(fail, "bad")
    listening(heard["fine"].append, "fine")
    events = Events()
    with pytest.warns(UserWarning, match="bad failed in qnas_step and is not called again: .*: disk full") as told:
        for step in (1, 2, 3):
            events.tell("qnas_step", folder=None, stage="train", step=step, metrics={})
    assert heard == {"good": [1, 2, 3], "bad": [1], "fine": [1, 2, 3]}
    assert len(told) == 1


def test_who_presses_ctrl_c_in_a_hook_is_heard(listening):
    def interrupt(step):
        raise KeyboardInterrupt

    listening(interrupt, "bad")
    with pytest.raises(KeyboardInterrupt):
        Events().tell("qnas_step", folder=None, stage="train", step=1, metrics={})
