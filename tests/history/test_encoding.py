"""Arrays, descriptions and curves as bytes, and back."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.history.buckets import PIECE, decode_buckets, encode_buckets, halved, single
from deepeyes_tui.history.describing import decode_description, encode_description
from deepeyes_tui.history.encoding import COARSE, FINE, LENGTH, decode_arrays, encode_arrays
from deepeyes_tui.history.errors import HistoryError
from deepeyes_tui.link.snapshot import layer_arrays
from tests.history.states import SIZES, make_arrays, make_layers

LAYERS, FILTERS = len(SIZES), sum(SIZES)


def back(arrays, step):
    return decode_arrays(encode_arrays(arrays, step), LAYERS, FILTERS)


@pytest.mark.parametrize("step", [0, 1, 1000, 2**40])
def test_arrays_come_back_no_coarser_than_shown(step):
    arrays = make_arrays(step)
    found = back(arrays, step)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert not found[name].flags.writeable
        if array.dtype.kind in "ib":
            np.testing.assert_array_equal(found[name], array)
        elif name == "maximum":
            np.testing.assert_allclose(found[name], array, rtol=2**-12)
        else:
            np.testing.assert_allclose(found[name], array, atol=0.501 / (COARSE if name == "frequency" else FINE))


def test_nan_infinity_and_bounds_come_back():
    arrays = make_arrays(5)
    arrays["maximum"][:4] = np.nan, np.inf, 0, 3.39e38
    arrays["frequency"][0] = np.nan
    arrays["stability"][0] = np.nan
    found = back(arrays, 5)
    assert np.isnan(found["maximum"][0])
    assert np.isnan(found["frequency"][0])
    assert np.isnan(found["stability"][0]).all()
    np.testing.assert_allclose(found["maximum"][1:4], [3.4e38, 0, 3.39e38], rtol=2**-11)


def test_a_state_of_another_version_has_what_is_known_today():
    arrays = make_arrays(7)
    older = {name: array for name, array in arrays.items() if name not in ("always_on", "stability", "stable_since")}
    found = back({**older, "of_the_future": np.ones(3, np.float32)}, 7)
    assert "of_the_future" not in found
    assert not found["always_on"].any()
    assert np.isnan(found["stability"]).all()
    assert (found["stable_since"] == -1).all()
    np.testing.assert_array_equal(found["dead"], arrays["dead"])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_damaged_states_are_refused(garbage, at, packed):
    whole = encode_arrays(make_arrays(3), 3)
    plain = zlib.decompress(whole)
    broken = zlib.compress(plain[:at] + garbage) if packed else whole[:at] + garbage
    try:
        found = decode_arrays(broken, LAYERS, FILTERS)
    except HistoryError:
        return
    assert {name: array.shape for name, array in found.items()} == {
        spec.name: spec.shape for spec in layer_arrays(LAYERS, FILTERS)
    }


@pytest.mark.parametrize("side", [-1, 2**40, 1e9])
def test_absurd_shapes_are_refused(side):
    text = json.dumps([1, [["maximum", [side], "float", 2]]]).encode()
    with pytest.raises(HistoryError, match="damaged"):
        decode_arrays(zlib.compress(LENGTH.pack(len(text)) + text), LAYERS, FILTERS)


def test_descriptions_come_back():
    layers = make_layers()
    assert decode_description(encode_description(layers, ("cat", "dög"))) == (layers, ("cat", "dög"))


def test_a_description_of_another_version_has_defaults():
    plain = {"layers": [{"name": "a", "kind": "conv", "filters": 3, "grid": "odd", "new": 1}], "labels": []}
    ((layer,), labels) = decode_description(zlib.compress(json.dumps(plain).encode()))
    assert (layer.name, layer.filters, layer.grid, layer.positions_per_input, labels) == ("a", 3, (), 1, ())


@pytest.mark.parametrize(
    "plain", [b"", b"{}", b'{"layers": [{}], "labels": []}', b"[1]", b'{"layers": 3, "labels": 1}']
)
def test_damaged_descriptions_are_refused(plain):
    with pytest.raises(HistoryError):
        decode_description(zlib.compress(plain))
    with pytest.raises(HistoryError):
        decode_description(plain)


def test_pieces_of_curves_come_back():
    steps = np.arange(PIECE) * 7 + 3
    buckets = single(steps, np.where(steps % 2, np.sin(steps), np.nan).astype(np.float32))
    found = decode_buckets(encode_buckets(buckets))
    for name in buckets.dtype.names:
        np.testing.assert_array_equal(found[name], buckets[name])
    with pytest.raises(HistoryError):
        decode_buckets(encode_buckets(buckets)[:-5] + b"12345")


@given(st.lists(st.floats(-1e6, 1e6, width=32) | st.just(float("nan")), min_size=1, max_size=40))
def test_halving_keeps_mean_bounds_and_counts(values):
    values = np.array(values, np.float32)
    buckets = single(np.arange(len(values)), values)
    while len(buckets) > 1:
        buckets = halved(buckets)
    finite = values[np.isfinite(values)]
    (one,) = buckets
    assert (one["count"], one["nonfinite"], one["step"]) == (len(values), len(values) - len(finite), len(values) - 1)
    if len(finite):
        np.testing.assert_allclose(one["mean"], finite.astype(float).mean(), rtol=1e-5, atol=0.5)
        assert (one["low"], one["high"]) == (finite.min(), finite.max())
    else:
        assert np.isnan([one["mean"], one["low"], one["high"]]).all()
