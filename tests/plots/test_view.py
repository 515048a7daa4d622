import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.app.plots.scatter import (
    View,
    fit,
    inside,
    nearest_in_direction,
    nearest_point,
    panned,
    place,
    spot,
    zoomed,
)  # fmt: skip

CORNERS = np.array([[0.0, 0], [4, 0], [0, 2], [4, 2]])
WHOLE = View(0, 0, 4, 2)
ANY = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(ANY, ANY), max_size=30).map(lambda pairs: np.array(pairs).reshape(-1, 2))
ROOM = st.tuples(st.integers(1, 240), st.integers(1, 70))
OFTEN = settings(max_examples=150, deadline=None)


@given(POINTS, ROOM)
@OFTEN
def test_a_fitting_view_shows_every_point_there_is(points, room):
    view = fit(points)
    assert view.width > 0
    assert view.height > 0
    there = (np.abs(points) < 1e100).all(axis=1)
    column, row = place(points, view, *room)
    assert (column[there] >= 0).all()
    assert (row[there] >= 0).all()
    assert (column[there] < room[0]).all()
    assert (row[there] < room[1]).all()
    assert (column[~there] == -1).all()


@pytest.mark.parametrize("points", [[], [[3, 4]], [[3, 4]] * 5, [[math.nan, 1], [3, 4]]])
def test_one_place_is_in_the_middle(points):
    view = fit(points)
    assert (view.width, view.height) == (1, 1)
    column, row = place(points, view, 11, 5)
    assert set(column.tolist()) <= {5, -1}
    assert set(row.tolist()) <= {2, -1}


def test_a_map_is_not_stretched():
    square = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    for width, height in ((120, 38), (60, 20), (20, 40)):
        column, row = place(square, fit(square), width, height)
        assert abs(np.ptp(column) - 2 * np.ptp(row)) <= 2
        assert min(column.min() + column.max() - width, row.min() + row.max() - height, key=abs) in (-2, -1, 0)


def test_zooming_keeps_a_point_where_it_is():
    at = (1.0, 1.5)
    before = place([at], WHOLE, 40, 10)
    after = place([at], zoomed(WHOLE, 8, at), 40, 10)
    assert (before[0], before[1]) == (after[0], after[1])
    assert zoomed(zoomed(WHOLE, 4), 0.25) == WHOLE
    for factor in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            zoomed(WHOLE, factor)


def test_zooming_ends_before_numbers_do():
    view = View(1e6, 1e6, 1, 1)
    for _ in range(200):
        view = zoomed(view, 10)
    assert place([view.middle], view, 80, 24)[0] == 40
    for _ in range(200):
        view = zoomed(view, 0.01)
    assert math.isfinite(view.left + view.width)


def test_panning_goes_by_shares_of_the_view():
    assert panned(WHOLE, 0.5, -1) == View(2, -2, 4, 2)


def test_outside_has_no_cell():
    column, row = place([[9, 1], [2, 1], [math.nan, 1], [math.inf, 0]], WHOLE, 40, 10)
    assert column.tolist() == [-1, 20, -1, -1]
    assert row.tolist() == [-1, 5, -1, -1]
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        place(np.zeros((3, 3)), WHOLE, 40, 10)


@given(ROOM, st.integers(0, 239), st.integers(0, 69))
@OFTEN
def test_the_spot_of_a_cell_lies_in_it(room, column, row):
    column, row = min(column, room[0] - 1), min(row, room[1] - 1)
    back = place([spot(WHOLE, *room, column, row)], WHOLE, *room)
    assert (int(back[0][0]), int(back[1][0])) == (column, row)


def test_nearest_point_is_among_those_shown():
    points = np.vstack([CORNERS, [[math.nan, 1], [2.2, 1], [100, 1]]])
    view = fit(CORNERS)
    assert nearest_point(points, view, 40, 10, 20, 5) == 5
    assert nearest_point(points, view, 40, 10, 0, 0) == 0
    assert nearest_point([[100, 100]], view, 40, 10, 0, 0) is None
    assert nearest_point([], view, 40, 10, 0, 0) is None


def test_moving_goes_in_the_direction_asked_for():
    random = np.random.default_rng(3)
    points = random.normal(size=(400, 2))
    view, room = fit(points), (80, 24)
    column, row = place(points, view, *room)
    for start in range(0, 400, 7):
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            to = nearest_in_direction(points, view, *room, start, dx, dy)
            if to is not None:
                assert (points[to] - points[start]) @ (dx, dy) > 0
                assert (column[to], row[to]) != (column[start], row[start])


def test_moving_along_corners():
    def move(start, dx, dy):
        return nearest_in_direction(CORNERS, fit(CORNERS), 40, 10, start, dx, dy)

    assert [move(0, 1, 0), move(1, 0, 1), move(3, -1, 0), move(2, 0, -1)] == [1, 3, 2, 0]
    assert move(0, -1, 0) is None
    assert move(0, 0, 0) is None
    with pytest.raises(ValueError, match="no point 9"):
        move(9, 1, 0)


def test_every_point_can_be_reached():
    points = np.random.default_rng(0).normal(size=(60, 2))
    view, room = fit(points), (120, 40)
    found, ahead = {0}, [0]
    while ahead:
        start = ahead.pop()
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            to = nearest_in_direction(points, view, *room, start, dx, dy)
            if to is not None and to not in found:
                found.add(to)
                ahead.append(to)
    assert len(found) > 55


def test_a_brush_takes_what_lies_in_its_cells():
    points = np.random.default_rng(1).random((500, 2)) * (4, 2)
    column, row = place(points, WHOLE, 40, 10)
    expected = (column >= 5) & (column <= 12) & (row >= 2) & (row <= 7)
    assert 0 < expected.sum() < 500
    assert (inside(points, WHOLE, 40, 10, (12, 2), (5, 7)) == expected).all()
    assert inside(points, WHOLE, 40, 10, (0, 0), (39, 9)).all()
    assert not inside([[9, 9]], WHOLE, 40, 10, (-5, -5), (99, 99)).any()
