from deepeyes_tui.app import selection as select
from deepeyes_tui.app.selection import Selection


def test_the_layer_is_clipped_and_takes_the_cursor_back():
    start = Selection(layer=1, cursor=7, anchor=3)
    assert select.to_layer(start, 99, 4) == Selection(layer=3)
    assert select.to_layer(start, -5, 4) == Selection(layer=0)
    assert select.to_layer(start, 1, 4) is start
    assert select.to_layer(Selection(), 5, 0) == Selection()


def test_marks_belong_to_their_layer():
    marked = select.toggle(Selection(), [3])
    other = select.toggle(select.to_layer(marked, 1, 2), [4, 5])
    assert other.marks == {4, 5}
    assert select.to_layer(other, 0, 2).marks == {3}
    assert select.clear(other).marked == {}


def test_toggling_twice_leaves_nothing():
    assert select.toggle(select.toggle(Selection(), [1, 2]), [1, 2]).marked == {}
    assert select.toggle(select.toggle(Selection(), [1]), [1, 2]).marks == {1, 2}


def test_a_range_marks_what_lies_in_it():
    ended = select.end_range(select.begin_range(Selection(cursor=4)), [4, 8, 2])
    assert ended.marks == {2, 4, 8}
    assert ended.anchor is None


def test_a_smaller_network_takes_away_what_it_has_not():
    big = Selection(
        layer=3, cursor=40, anchor=41, marked={0: frozenset({1, 19}), 3: frozenset({5, 40}), 9: frozenset({1})}
    )
    fitted = select.fit(big, (20, 50, 8, 10))
    assert fitted == Selection(3, 9, None, {0: frozenset({1, 19}), 3: frozenset({5})})
    assert select.fit(big, ()) == Selection()
