"""What `deepeyes run` is told reaches the process that runs the script, unchanged."""

import argparse

import pytest

from deepeyes_tui.link.script_options import ScriptOptions, add_script_options, read_options
from tests.scripts.running import VARIANTS, run_apart, seen


def read(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--name")
    add_script_options(parser)
    return read_options(parser.parse_args(words))


@pytest.mark.parametrize(
    "options",
    [
        ScriptOptions(),
        ScriptOptions("a b", ("cat, or dog", "@x", "-y"), (0.5, -1e-3), (0.25, 3.0), ("conv*", "--x"), 0.125, "off"),
    ],
)
def test_options_survive_the_way(options):
    assert read(options.to_arguments()) == options


def test_labels_from_a_file(tmp_path):
    (tmp_path / "labels").write_text("cat\n\n  dog \n")
    assert read(["--labels", f"@{tmp_path}/labels"]).labels == ("cat", "dog")
    assert read(["--labels", "cat, dog"]).labels == ("cat", "dog")


@pytest.mark.process
def test_options_take_effect():
    options = ScriptOptions("named", ("a", "b", "c", "d"), layers=("conv*",), budget=0.5, control="off")
    done = run_apart(VARIANTS / "plain_loop.py", watched=True, options=options.to_arguments())
    snapshot = seen()
    assert done.status == 0
    assert (snapshot.run, snapshot.labels, snapshot.status.budget) == ("named", options.labels, 0.5)
    assert [layer.name for layer in snapshot.layers] == ["conv1", "conv2"]
