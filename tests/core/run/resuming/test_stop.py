"""Stopping a run by a signal."""

import os
import signal
import threading

import pytest

from qnas.core.run.resuming.stop import Interrupted, Stop, stop_on_signals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_where_nobody_keeps_anything_the_run_ends_at_once(number, code):
    with stop_on_signals(), pytest.raises(Interrupted) as caught:
        send(number)
    assert caught.value.exit_code == code


def test_once_is_heeded_after_the_step_and_twice_at_once(capfd):
    with stop_on_signals() as stop:
        stop.is_heeded = True
        send(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        assert "stopping after this step; once more leaves at once" in capfd.readouterr().err
        with pytest.raises(Interrupted):
            send(signal.SIGINT)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_sigterm_hurries_nobody(first, capfd):
    """A point of a sweep gets SIGINT from the terminal and SIGTERM from the sweep."""
    with stop_on_signals() as stop:
        stop.is_heeded = True
        for number in (first, signal.SIGTERM, signal.SIGTERM):
            send(number)
        assert stop.signal == first
        assert capfd.readouterr().err.count("stopping after this step") == 1
        with pytest.raises(Interrupted, match="what is kept") as caught:
            stop.leave("what is kept")
    assert caught.value.exit_code == 128 + first


def test_of_all_signals_the_second_by_hand_leaves_at_once(capfd):
    with stop_on_signals() as stop:
        stop.is_heeded = True
        send(signal.SIGTERM)
        assert "once more" not in capfd.readouterr().err
        send(signal.SIGINT)
        assert "once more leaves at once" in capfd.readouterr().err
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):
            send(signal.SIGINT)


def test_what_leaves_at_once_is_not_disturbed_by_sigterm():
    with stop_on_signals() as stop, pytest.raises(Interrupted):
        try:
            send(signal.SIGINT)
        finally:
            send(signal.SIGTERM)
            done = True
    assert done
    assert stop.signal == signal.SIGINT


def test_nobody_leaves_who_was_not_asked_to():
    Stop().leave()


def test_handlers_are_as_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals() as stop:
        assert signal.getsignal(signal.SIGTERM) == stop.ask
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_what_the_process_was_told_to_ignore_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup and shells do in the background
    try:
        with stop_on_signals() as stop:
            send(signal.SIGINT)
            assert stop.signal is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_signals_are_left_alone():
    stops: list[Stop] = []

    def enter() -> None:
        with stop_on_signals() as stop:
            stops.append(stop)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert len(stops) == 1
