"""What an operation would do, as it is shown before it is done."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from deepeyes_tui.app.keeping import view_text
from deepeyes_tui.app.moves import MOVES
from deepeyes_tui.app.panes.parts import grouped
from deepeyes_tui.app.panes.preview import draw_preview, preview_lines, preview_text
from deepeyes_tui.app.picture import as_text, draw_picture
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.pointing import clicked, dragged
from deepeyes_tui.app.proposals import Proposal, carry_out_command, plan_command
from deepeyes_tui.app.room import Room
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.preview import Part, Preview
from tests.app.synthetic import scene, snapshot

PARTS = (
    Part("conv1.weight", 0, 20, 17, "writes"),
    Part("conv2.weight", 1, 20, 17, "reads"),
    Part("conv1.bias", 0, 20, 17, "writes"),
)
PRUNE = Command(Action.PRUNE, {"filters": {"conv1": [3, 7, 11]}})
GROW = Command(Action.GROW, {"layer": "fc1", "count": 8})
SHOWN = Preview(
    "prune conv1: 3 filters (3,7,11)", PARTS, 0, (431_080, 394_517), (2_293_000, 1_993_000), 0.0, True, (), 0, 4
)
LONG = "encoder." + "layers.7.attention." * 9 + "projection"
MANY = replace(
    SHOWN,
    parts=tuple(Part(f"{LONG}.{i}.weight", 0, 768, 765, "passes") for i in range(300)),
    parts_left_out=12,
    parameters=(86_000_000, 85_200_000),
    change=0.0032,
    exact=False,
    warnings=("a LayerNorm over the cut channels averages over fewer of them",),
    copies=2,
)


def proposing(preview=SHOWN, command=PRUNE, glyphs=Glyphs.BRAILLE, **changes):
    proposal = Proposal(command, 1, preview)
    return scene(glyphs=glyphs).with_desk(proposal=replace(proposal, **changes))


def words(shown, width=78):
    return "\n".join("".join(piece[0] for piece in line) for line in preview_lines(shown, width))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("glyphs", Glyphs)
def test_everything_of_a_small_network_is_seen_at_once(size, glyphs):
    text = as_text(proposing(glyphs=glyphs), *size)
    arrow = "->" if glyphs is Glyphs.ASCII else "→"
    assert "Prune conv1: 3 filters (3,7,11)" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["parameters", "431,080", arrow, "394,517", "8.5%", "fewer"] in [row[:6] for row in rows]
    assert ["multiply-adds", "2,293,000", arrow, "1,993,000", "13%", "fewer"] in [row[:6] for row in rows]
    assert f"conv1.weight  20 {arrow} 17  writes    axis 0" in text
    assert "no change: the filters are silent" in text
    assert "optimizer state are cut alike. U undoes it." in text
    assert text.splitlines()[-1].strip() == "Enter y prune  Esc n not  j k scroll"
    assert glyphs is not Glyphs.ASCII or text.isascii()


def test_tensors_of_a_module_stand_together():
    assert [part.tensor for part in grouped(PARTS)] == ["conv1.weight", "conv1.bias", "conv2.weight"]
    lines = [line.split() for line in words(proposing()).splitlines() if "axis" in line]
    assert [line[0] for line in lines] == ["conv1.weight", "conv1.bias", "conv2.weight"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *((lost, "how much it changes is not known") for lost in (None, float("nan"), float("inf"))),
        (4e-7, "no change: the filters are silent"),
        (0.0032, "changes by at most 0.3% of the largest output"),
        (2.5, "changes by at most 250% of the largest output"),
    ],
)
def test_the_change_of_the_output_in_words(change, said):
    assert f"output         {said}" in words(proposing(replace(SHOWN, change=change)))


def test_growing_says_more_and_that_the_output_stays():
    grown = replace(SHOWN, title="grow fc1 by 8 filters", parts=(), parameters=(431_080, 437_560), change=3e-7)
    text = words(proposing(grown, GROW))
    assert "1.5% more" in text
    assert "no change: it stays as it is" in text
    assert "No tensor that there is changes its size." in text
    assert as_text(proposing(grown, GROW), 80, 24).splitlines()[-1].startswith(" Enter y grow")


def test_what_is_not_exact_is_said_and_may_be_agreed_to():
    shown = proposing(MANY)
    assert "! Not exact" in words(shown)
    assert "! a LayerNorm over the cut channels" in words(shown)
    assert shown.context.agreeable
    assert carry_out_command(shown.desk.proposal).arguments["inexact"] is True


def test_layers_that_lose_filters_too_are_named_above_the_tensors():
    names = ("conv1.weight", "conv1.bias", "1.b.weight", "1.b.bias", "2.b.parametrizations.weight.original0", "token")
    parts = (*(Part(name, 0, 20, 17, "writes") for name in names), Part("bn.weight", 0, 20, 17, "passes"))
    text = words(proposing(replace(SHOWN, parts=parts)))
    assert "together with  filters of 1.b, 2.b, token, which belong to these" in text
    assert "together with" not in words(proposing())
    many = tuple(Part(f"{number}.weight", 0, 20, 17, "writes") for number in range(300))
    assert "11 and 288 more, which" in " ".join(words(proposing(replace(SHOWN, parts=many))).split())


def test_a_change_of_the_output_is_not_said_twice():
    told = replace(SHOWN, exact=False, change=0.02, warnings=("without conv1.1 the network's output changes",))
    dropped = Command(Action.DROP_LAYER, {"layer": "conv1.1"})
    assert "Not exact" not in words(proposing(told, dropped))
    assert "! Not exact: the output changes." in words(proposing(replace(told, warnings=()), dropped))


def test_what_is_refused_cannot_be_agreed_to():
    shown = proposing(None, refusal="fc2 is the network's output")
    text = as_text(shown, 80, 24)
    assert "Refused: nothing has been changed." in text
    assert "fc2 is the network's output" in text
    assert text.splitlines()[-1].strip() == "Esc back  j k scroll"
    assert not shown.context.agreeable
    with pytest.raises(ValueError, match="not shown"):
        carry_out_command(shown.desk.proposal)


def test_while_the_run_is_asked_and_while_it_works():
    asked = proposing(None, remark="The model has changed since.")
    assert words(asked).splitlines() == ["The model has changed since.", "asking the training ..."]
    assert "Prune conv1: 3 filters (3,7,11) " in as_text(asked, 80, 24)
    one = Command(Action.PRUNE, {"filters": {"fc1": [0], "conv1": [4]}})
    assert Proposal(one).title == "prune fc1: 1 filter (0), conv1: 1 filter (4)"
    assert not proposing(sent=True).context.agreeable
    assert words(proposing(sent=True)).startswith("sent: the training does it")


def test_commands_say_the_same_thing_twice():
    proposal = proposing().desk.proposal
    assert plan_command(proposal).arguments == {"filters": {"conv1": [3, 7, 11]}, "action": "prune", "structure": 1}
    done = carry_out_command(proposal)
    assert (done.action, done.arguments) == ("prune", {**PRUNE.arguments, "structure": 4, "inexact": False})


def test_three_hundred_tensors_are_scrolled_through_to_the_last():
    shown, room = proposing(MANY), Room(80, 19)
    assert "1-19 of 31" in as_text(shown, 80, 24)
    last = MOVES["last"](shown, room)
    assert "and 12 more" in as_text(last, 80, 24)
    assert "2 copies of the model" in as_text(last, 80, 24)
    assert MOVES["page_down"](last, room).desk.proposal_top == last.desk.proposal_top
    up = MOVES["up"](last, room)
    assert up.desk.proposal_top == last.desk.proposal_top - 1
    assert MOVES["first"](up, room).desk.proposal_top == 0
    assert MOVES["down"](proposing(), room).desk.proposal_top == 0


def test_the_end_of_a_long_name_is_what_is_seen():
    rows = [line for line in words(proposing(MANY)).splitlines() if "axis" in line]
    assert len(rows) == 300
    assert all("…" in row for row in rows)
    assert "projection.299.weight  768 → 765  passes" in rows[-1]


def test_a_title_that_does_not_fit_is_told_in_full():
    title = "prune " + ", ".join(f"layer{i}: 12 filters" for i in range(9))
    text = as_text(proposing(replace(SHOWN, title=title)), 80, 24)
    assert "layer8: 12 filters" in text
    assert "…" in text.splitlines()[2]


@given(
    st.integers(1, 250),
    st.sampled_from((SHOWN, MANY, replace(SHOWN, parts=(), title="", parameters=(0, 0)), None)),
    st.sampled_from(Glyphs),
    st.integers(0, 400),
)
def test_no_line_is_wider_than_there_is_room_for(width, preview, glyphs, top):
    shown = proposing(preview, glyphs=glyphs).with_desk(proposal_top=top)
    canvas = draw_preview(shown, width, 20)
    assert (canvas.width, canvas.height) == (width, 20)
    if width >= 80:
        for line in preview_lines(shown, width - 2):
            assert sum(cell_len(piece[0]) for piece in line) <= width - 2


@given(
    st.tuples(st.integers(0, 10**13), st.integers(0, 10**13)),
    st.one_of(st.none(), st.floats(), st.just(math.nan)),
    st.text(max_size=40),
)
def test_any_numbers_and_names_can_be_shown(pair, change, name):
    odd = replace(
        SHOWN, parameters=pair, change=change, title=name, parts=(Part(name, 0, *pair, name),), warnings=(name,)
    )
    text = as_text(proposing(odd), 80, 24)
    assert all(cell_len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text


def test_the_preview_covers_the_panes_and_the_mouse_does_not_reach_them():
    shown = proposing()
    picture = draw_picture(shown, 120, 40)
    assert "Perplexity" not in "\n".join(picture.canvas.lines())
    assert clicked(shown, picture.arrangement, 90, 5) is shown
    assert dragged(shown, picture.arrangement, (2, 9), (20, 20)) is shown


def test_a_notice_of_the_run_does_not_cover_how_to_agree():
    told = replace(proposing(), snapshot=snapshot(notices=("waits while a viewer looks at a preview",)))
    assert as_text(told, 80, 24).splitlines()[-1].startswith(" Enter y prune  Esc n not")
    assert "waits while" in as_text(told.with_desk(proposal=None), 80, 24).splitlines()[-1]


def test_the_text_twin_has_all_of_it():
    told = view_text(proposing(MANY))
    assert told.count("projection.") == 300
    assert preview_text(proposing()).splitlines()[0] == "prune conv1: 3 filters (3,7,11)"
    assert "431,080 → 394,517" in preview_text(proposing())
