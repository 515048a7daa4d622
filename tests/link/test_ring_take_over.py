"""A ring that begins with the rows of another."""

import numpy as np
import pytest

from deepeyes_tui.link.ring import RingReader, RingSpec, RingWriter

SPEC = RingSpec("conv", 1, 1, 1)


def append(writer, values):
    rows = np.asarray(values, float).reshape(-1, 1)
    none = np.zeros((len(rows), 0, 0, 0))
    writer.append(activations=rows, patches=rows, thumbnails=none, labels=0, steps=0, inputs=0, positions=0, boxes=0)


@pytest.mark.parametrize(("capacity", "most", "kept"), [(7, 1 << 20, [3, 4, 5, 6, 7]), (3, 1 << 20, [5, 6, 7])])
def test_the_newest_rows_are_taken_over_in_their_order(tmp_path, capacity, most, kept):
    before = RingWriter(tmp_path / "before", SPEC, 5)
    append(before, range(8))
    after = RingWriter(tmp_path / "after", SPEC, capacity)
    after.take_over(before, most)
    append(after, [8])
    read = RingReader(tmp_path / "after").read()
    assert read.patches[:, 0].tolist() == [*kept, 8][-capacity:]


def test_no_more_bytes_are_taken_than_allowed(tmp_path):
    before, after = RingWriter(tmp_path / "before", SPEC, 5), RingWriter(tmp_path / "after", SPEC, 9)
    append(before, range(8))
    after.take_over(before, 2 * SPEC.row_bytes)
    assert RingReader(tmp_path / "after").read().patches[:, 0].tolist() == [6, 7]
