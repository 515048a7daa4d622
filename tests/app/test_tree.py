"""Layers as a tree that folds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.folding import folds, list_rows, row_at_cursor
from deepeyes_tui.app.moves import MOVES, to_layer
from deepeyes_tui.app.panes.layers import draw_layers
from deepeyes_tui.app.panes.perplexities import multiples
from deepeyes_tui.app.picture import as_text
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.scene import LayerOrder
from deepeyes_tui.app.search import search
from deepeyes_tui.app.totals import group_numbers
from deepeyes_tui.app.tree import UNFOLDED_AT_FIRST, tree_of
from tests.app.driving import rows as screen_rows
from tests.app.driving import source, viewer
from tests.app.synthetic import infos, scene, snapshot

BLOCKS = (3, 4, 6, 3)


def resnet() -> tuple[str, ...]:
    blocks = [f"layer{s}.{b}" for s, count in enumerate(BLOCKS, 1) for b in range(count)]
    inner = [f"{block}.conv{i}" for block in blocks for i in (1, 2, 3)]
    return ("conv1", *inner, "fc")


def network(names: tuple[str, ...], filters: int = 12):
    return infos(tuple((name, "Conv2d", filters, 1000, (3, 3), (8, 8)) for name in names))


def pressed(shown, *keys: str):
    for key in keys:
        shown = MOVES[key](shown, Room())
    return shown


@pytest.fixture
def shown():
    return scene(snapshot(network(resnet()))).with_desk(focus=PaneName.LAYERS)


def labels(shown) -> list[str]:
    return [row.label for row in list_rows(shown)]


def test_groups_are_what_names_have_in_common():
    tree = tree_of(resnet())
    groups = [row for row in tree.rows if row.is_group]
    assert [row.path for row in groups if row.depth == 0] == ["layer1", "layer2", "layer3", "layer4"]
    assert sum(row.depth == 1 for row in groups) == sum(BLOCKS)
    assert tree.around[1] == ("layer1", "layer1.0")
    assert tree.order == list(range(len(resnet())))


def test_a_chain_of_single_children_is_one_row():
    names = ("model.encoder.embed", *(f"model.encoder.layers.{i}.fc" for i in range(12)), "model.head.proj.out")
    tree = tree_of(names)
    assert [(row.label, row.depth) for row in tree.rows[:4]] == [
        ("model", 0),
        ("encoder", 1),
        ("embed", 2),
        ("layers", 2),
    ]
    assert [row.label for row in tree.rows[-2:]] == ["11.fc", "head.proj.out"]


def test_a_layer_may_have_layers_within():
    names = tuple(f"block.{i}.attn{end}" for i in range(6) for end in ("", ".out"))
    tree = tree_of(names)
    rows = [row for row in tree.rows if 0 in row.layers]
    assert [(row.label, row.is_group) for row in rows] == [("block", True), ("0.attn", True), ("attn", False)]
    assert sorted(tree.order) == list(range(12))


@pytest.mark.parametrize("names", [resnet()[:11], tuple(f"fc{i}" for i in range(40))])
def test_small_and_flat_networks_are_lists(names):
    made = scene(snapshot(network(names)))
    assert made.tree is None
    assert labels(made) == list(names)


def test_at_first_whole_levels_are_unfolded_as_far_as_they_fit(shown):
    assert labels(shown)[:6] == ["conv1", "layer1", "0", "1", "2", "layer2"]
    assert len(labels(shown)) <= UNFOLDED_AT_FIRST
    deep = tree_of(tuple(f"layers.{i}.fc" for i in range(40)))
    assert [row.label for row in deep.seen(deep.first_folds())] == ["layers"]


def test_folding_and_unfolding_by_keys(shown):
    at_block = pressed(shown, "down", "down")
    assert row_at_cursor(at_block).path == "layer1.0"
    opened = pressed(at_block, "unfold", "unfold", "down")
    assert opened.layer_name == "layer1.0.conv2"
    assert row_at_cursor(pressed(opened, "fold")).path == "layer1.0"
    closed = pressed(opened, "fold", "fold", "fold", "fold")
    assert row_at_cursor(closed).path == "layer1"
    assert "0" not in labels(closed)[:3]
    assert labels(pressed(shown, "fold_all")) == ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert len(labels(pressed(shown, "unfold_all"))) == len(shown.tree.rows)


def test_folding_all_leaves_the_cursor_in_its_group(shown):
    folded = pressed(to_layer(shown, 30), "fold_all")
    assert 30 in row_at_cursor(folded).layers
    assert folded.desk.group == row_at_cursor(folded).path


def test_enter_turns_a_group_and_opens_a_layer(shown):
    at_group = pressed(shown, "down")
    turned = pressed(at_group, "open")
    assert "layer1" in folds(turned)
    assert turned.desk.focus is PaneName.LAYERS
    assert "layer1" not in folds(pressed(turned, "open"))
    assert pressed(shown, "open").desk.focus is PaneName.LAYER


def test_going_on_over_layers_unfolds_what_is_entered(shown):
    folded = pressed(shown, "fold_all")
    names = []
    for _ in range(4):
        folded = pressed(folded, "next_layer")
        names.append(folded.layer_name)
        assert row_at_cursor(folded).label == folded.layer_name.rpartition(".")[2]
    assert names == ["layer1.0.conv1", "layer1.0.conv2", "layer1.0.conv3", "layer1.1.conv1"]
    on_group = pressed(shown, "fold_all", "down")
    assert pressed(on_group, "next_layer").layer_name == "layer1.0.conv1"
    assert pressed(on_group, "previous_layer").layer_name == "conv1"


def test_search_unfolds_what_it_finds(shown):
    found = search(pressed(shown, "fold_all"), "layer3.5.conv2")
    assert row_at_cursor(found).layers == (found.selection.layer,)
    assert found.layer_name == "layer3.5.conv2"


def test_sorting_shows_a_flat_list(shown):
    by_dead = shown.with_desk(layer_order=LayerOrder.DEAD)
    assert by_dead.tree is None
    assert set(labels(by_dead)) == set(resnet())


def test_a_folded_group_hides_nothing(shown):
    made = shown.snapshot
    made.arrays["dead"][:], made.arrays["stable_since"][:] = False, 7
    worst = resnet().index("layer3.4.conv2")
    made.arrays["dead"][made.layers[worst].offset :][:5] = True
    made.arrays["undetected"][worst] = 0.5
    made.arrays["stable_since"][worst] = -1
    folded = pressed(shown, "fold_all", "down", "down", "down")
    text = as_text(folded, 120, 40)
    assert "17 of 18 stable (least: layer3.4.conv2)" in text
    assert "5 dead in 1 layer (most: layer3.4.conv2)" in text
    assert "at most 50% undetected (layer3.4.conv2)" in text
    made.arrays["nan"][worst] = 3
    assert "NaN or infinite in 1 of 18" in as_text(replace(folded, snapshot=replace(made)), 120, 40)


def test_numbers_of_a_group_are_those_of_its_layers(shown):
    layers = tuple(range(4, 20))
    made = [shown.snapshot.layer(i) for i in layers]
    numbers = group_numbers(shown.snapshot, layers)
    assert numbers.filters == sum(layer.info.filters for layer in made)
    assert numbers.dead == sum(int(layer.dead.sum()) for layer in made)
    assert numbers.always_on == sum(int(layer.always_on.sum()) for layer in made)
    assert numbers.stable == sum(layer.stable_since is not None for layer in made)
    assert numbers.undetected == pytest.approx(max(layer.undetected for layer in made))
    unstable = [layer for layer in made if layer.stable_since is None]
    assert made[layers.index(numbers.worst)].stability[-1] == max(layer.stability[-1] for layer in unstable)


def test_the_multiples_are_those_of_the_group_under_the_cursor(shown):
    at_group = pressed(shown, "down", "down", "down")
    assert [resnet()[i] for i in multiples(at_group)] == [f"layer1.1.conv{i}" for i in (1, 2, 3)]
    beside = at_group.with_desk(focus=PaneName.PERPLEXITY)
    assert pressed(beside, "right", "right", "right").layer_name == "layer1.1.conv3"
    assert "layers of layer1.1" in as_text(beside, 80, 24)
    assert len(multiples(shown)) == len(resnet())


NAMES = st.lists(
    st.lists(st.sampled_from(("layer1", "0", "1", "attn", "a-name-of-no-mean-length", "\u5c42")), max_size=5).map(
        ".".join
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(NAMES, st.integers(80, 240), st.integers(6, 40), st.lists(st.sampled_from(tuple("djkhl+-]")), max_size=12))
def test_every_width_holds_every_tree(names, width, height, keys):
    ids = {"j": "down", "k": "up", "h": "fold", "l": "unfold", "+": "unfold_all", "-": "fold_all", "]": "next_layer"}
    shown = scene(snapshot(network(tuple(names), 3))).with_desk(focus=PaneName.LAYERS)
    shown = pressed(shown, *(ids[key] for key in keys if key in ids))
    assert sorted(i for row in list_rows(shown.with_desk(folded=frozenset())) for i in row.layers if not row.path) == [
        *range(len(names))
    ]
    lines = draw_layers(shown, width, height).lines()
    assert len(lines) == height
    assert all(cell_len(line) == width for line in lines)
    assert any(line.startswith("▸") for line in lines)


async def test_keys_and_clicks_fold_in_the_viewer():
    app = viewer(source(snapshot(network(resnet()))))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "j", "h")
        assert any("+ layer1" in row for row in screen_rows(app))
        await pilot.press("enter")
        row = next(i for i, row in enumerate(screen_rows(app)) if "- layer1" in row)
        await pilot.click(offset=(6, row + 1))
        await pilot.click(offset=(6, row + 1))
        assert any("- 0" in line for line in screen_rows(app))
        await pilot.press("+")
        assert app.scene.desk.folded == frozenset()


def test_heads_beneath_their_module_are_named_in_full():
    names = tuple(f"blocks.{i}{part}" for i in range(6) for part in ("", ".qkv", ".fc"))
    layers = tuple(replace(info, unit="heads" if "." not in info.name[7:] else "units") for info in network(names))
    drawn = draw_layers(scene(snapshot(layers)).with_desk(focus=PaneName.LAYERS), 60, 40).lines()
    assert sum(" heads " in row for row in drawn) == 6
