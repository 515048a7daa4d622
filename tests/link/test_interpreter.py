"""Python's own options, for the script."""

import os
import subprocess
import sys

import pytest

from deepeyes_tui.link.interpreter import python_options

SHOW = "import sys; print(sys.flags, sys.warnoptions, sys._xoptions)"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("python -m deepeyes_tui run -O x.py", []),
        ("python /usr/bin/deepeyes run -m x", []),
        ("python -O -W error -X utf8 -m deepeyes_tui run x.py", ["-O", "-Werror", "-Xutf8"]),
        ("python -OOBu -Wd -Xdev=1 -xImdeepeyes_tui run", ["-O", "-O", "-B", "-u", "-Wd", "-Xdev=1", "-I"]),
        ("python -sPEIB -W error /usr/bin/deepeyes run", ["-B", "-Werror"]),
        ("python --check-hash-based-pycs never -u -c code", ["--check-hash-based-pycs", "never", "-u"]),
        ("python", []),
    ],
)
def test_options_are_those_before_the_program(command, options):
    assert python_options(command.split(" ")) == options


@pytest.mark.process
@pytest.mark.parametrize("launcher", [{}, {"RANK": "0"}], ids=["alone", "under torchrun"])
def test_a_script_has_the_options_that_it_was_run_with(tmp_path, launcher):
    script = tmp_path / "script.py"
    script.write_text(SHOW)
    python = [sys.executable, "-OB", "-W", "error", "-X", "utf8", "-X", "dev"]
    plain = subprocess.run([*python, script], capture_output=True, check=True)
    options = ["-m", "deepeyes_tui", "run", *([] if launcher else ["--headless"])]
    environment = {**os.environ, **launcher}
    watched = subprocess.run([*python, *options, script], capture_output=True, check=True, env=environment)
    assert watched.stdout == plain.stdout
    assert b"optimize=1" in plain.stdout
