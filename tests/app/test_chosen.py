"""What is chosen within a sample, and how it is scaled."""

import numpy as np
import pytest

from deepeyes_tui.app.chosen import stretch


def test_stretch_reaches_one_at_the_95th_percentile():
    values = np.arange(101) / 1000
    stretched = stretch(values)
    assert stretched[95] == stretched[100] == 1
    assert stretched[0] == 0
    assert stretched[19] == pytest.approx(0.2)


def test_stretch_of_nothing_and_of_little():
    assert stretch(np.zeros(5)).tolist() == [0] * 5
    assert stretch(np.array([])).tolist() == []
    assert stretch(np.eye(1, 50)[0]).tolist() == [1] + [0] * 49
