"""Maps that are kept come back as they were; damaged files are passed over, or said in a sentence."""

from dataclasses import fields, replace

import numpy as np
import pytest

from deepeyes_tui.history import EventKind, History, HistoryError
from deepeyes_tui.history import kept as kept_maps
from deepeyes_tui.history.kept import KeptMaps, keep, list_kept, load
from deepeyes_tui.link.excerpts import Excerpts, InputKind
from tests.app.recorded import record
from tests.app.synthetic_maps import filter_map, input_map, sample

TEXT = Excerpts(
    InputKind.TEXT,
    tokens=np.arange(40, dtype=np.int32).reshape(20, 2),
    spans=np.ones((20, 5), np.int32),
    pieces={3: "the", 7: "\x1b[31mred"},
    special=frozenset({0, 1}),
    named_labels=True,
)


def maps(layer="fc1", latest=0, **changes):
    of = sample(layer, 12, 20)
    of = replace(of, steps=of.steps + latest, **changes)
    shown = input_map(of, points=9)
    return KeptMaps(of, shown.shape, shown.frame, shown.quality, filter_map(layer, 12))


def assert_same(one, other):
    assert type(one) is type(other)
    for field in fields(one):
        value, again = getattr(one, field.name), getattr(other, field.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, again)
            assert value.dtype == again.dtype
        elif isinstance(value, Excerpts):
            assert_same(value, again)
        else:
            assert value == again, field.name


@pytest.mark.parametrize("excerpts", [Excerpts(), TEXT])
def test_maps_come_back_as_they_were(tmp_path, excerpts):
    kept = replace(maps(excerpts=excerpts), shape=replace(maps().shape, trail=((1, 2), (3,))))
    again = load(keep(tmp_path, kept))
    for field in fields(kept):
        assert_same(getattr(kept, field.name), getattr(again, field.name))


def test_without_a_filter_map_there_is_none(tmp_path):
    again = load(keep(tmp_path, replace(maps(), filters=None, quality=None)))
    assert (again.filters, again.quality) == (None, None)


def test_they_are_listed_by_step_one_for_a_layer_and_step(tmp_path):
    for layer, latest in (("fc1", 50), ("a/b", 0), ("a b", 0), ("fc1", 50), ("fc1", 10)):
        keep(tmp_path, maps(layer, latest))
    listed = [(known.step, known.layer) for known in list_kept(tmp_path)]
    assert sorted(listed) == [(3, "a b"), (3, "a/b"), (13, "fc1"), (53, "fc1")]
    assert [step for step, _ in listed] == sorted(step for step, _ in listed)
    assert list_kept(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_what_is_damaged_is_passed_over_and_said(tmp_path, damage):
    path = keep(tmp_path, maps())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert list_kept(tmp_path) == ()
    with pytest.raises(HistoryError, match="cannot be read"):
        load(path)


def test_maps_of_another_version_are_passed_over_and_said(tmp_path, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(kept_maps, "VERSION", 0)
        path = keep(tmp_path, maps())
    assert list_kept(tmp_path) == ()
    with pytest.raises(HistoryError, match=r"another version \(0\)"):
        load(path)


def test_parts_that_do_not_fit_are_refused(tmp_path):
    other = maps()
    path = keep(tmp_path, replace(other, frame=replace(other.frame, positions=other.frame.positions[:4])))
    with pytest.raises(HistoryError, match="do not fit"):
        load(path)


def test_a_kept_map_is_an_event_of_the_history(tmp_path):
    path = record(tmp_path / "history.sqlite")
    keep(tmp_path, maps(latest=97))
    with History(path) as history:
        (event,) = [event for event in history.events if event.kind == EventKind.KEPT]
    assert (event.step, event.text) == (100, "the maps of fc1 were kept")
