"""What comes through the border to the training, and what does not."""

import signal

import pytest

from deepeyes_tui.probe.border import Border


class Preempted(Exception):
    """Raised by a script's own handler of a signal."""


@pytest.fixture
def handled():
    """A signal whose handler raises."""

    def preempt(number, frame):
        raise Preempted

    before = signal.signal(signal.SIGUSR1, preempt)
    yield signal.SIGUSR1
    signal.signal(signal.SIGUSR1, before)


def test_an_error_of_a_signal_handler_is_the_training_s_own(handled):
    border = Border()
    with pytest.raises(Preempted):
        border.call(signal.raise_signal, handled)
    assert border.errors == 0


def test_an_error_of_ours_stays_with_us(handled):
    border = Border()
    assert border.call(int, "odd") is None
    assert border.errors == 1
