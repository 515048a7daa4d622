"""The code and the commands of docs/steering.md do what they say."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from deepeyes_tui.cli import build_parser

TEXT = (Path(__file__).parents[2] / "docs/steering.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^deepeyes (ctl .*?)(?: +#.*)?$", TEXT, re.MULTILINE)


def test_the_code_runs_as_one_script(capsys):
    torch.manual_seed(0)
    names = {}
    for block in CODE:
        exec(compile(block, "docs/steering.md", "exec"), names)
    batch = names["batch"]
    assert names["model"][0].out_channels == 6
    assert torch.equal(names["model"].eval()(batch), names["again"].eval()(batch))
    assert "0.weight 0 8 6 writes" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_are_understood(command):
    assert len(COMMANDS) > 10
    assert build_parser().parse_args(shlex.split(command)).order.action
