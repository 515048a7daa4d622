"""What is imported where, seen from inside a fresh process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def imported_after(code):
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import deepeyes_tui.app.main, deepeyes_tui.app.viewer",
        "import deepeyes_tui.cli",
        "import deepeyes_tui.app.bindings",
        "from deepeyes_tui.cli import build_parser; build_parser()",
        "import deepeyes_tui.history, deepeyes_tui.findings",
        "import deepeyes_tui.script.session",
    ],
)
def test_the_viewer_never_imports_torch(code):
    assert "torch" not in imported_after(code)


@pytest.mark.parametrize(
    "code",
    [
        "import deepeyes_tui; deepeyes_tui.watch",
        "import deepeyes_tui.demo.train",
        "import deepeyes_tui.probe.monitor",
        "import deepeyes_tui.script.finder",
    ],
)
def test_the_training_side_never_imports_textual(code):
    found = imported_after(code)
    assert "torch" in found
    assert not found & {"textual", "rich"}


def test_the_link_imports_neither():
    found = imported_after("import deepeyes_tui.link.board, deepeyes_tui.link.watcher, deepeyes_tui.link.launch")
    assert not found & {"torch", "textual", "rich"}


def test_commands_that_show_no_screen_do_not_import_textual():
    assert "textual" not in imported_after("from deepeyes_tui.cli import main\nmain(['ls'])")
