"""Runs scripts, each in a process of its own forked from this one, which has imported torch already.

Reads jobs, one JSON object a line: `watched`, `target`, `arguments`, `module`, `folder`, `name`, `environment`.
Answers with the exit status of each (minus the number of a signal).
"""

import gc
import json
import os
import sys
from pathlib import Path

import torch._dynamo  # noqa: F401

import deepeyes_tui.script.finder  # noqa: F401
from deepeyes_tui.link.script_options import ScriptOptions
from deepeyes_tui.script.running import run_as_python
from deepeyes_tui.script.session import Session


def become(job):
    """Turn this child into the script."""
    folder = Path(job["folder"])
    for stream, number, flags in (("in", 0, os.O_RDONLY), ("out", 1, os.O_WRONLY), ("err", 2, os.O_WRONLY)):
        opened = os.open(folder / stream, flags | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    if job["watched"]:
        Session(ScriptOptions(name=job["name"])).run(job["target"], job["arguments"], module=job["module"])
    else:
        run_as_python(job["target"], job["arguments"], module=job["module"])


def serve():
    """Fork one child a job; return the job in the child, None at the end."""
    del sys.path[0]
    gc.freeze()  # what is here already needs no looking through at the end of each child
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            return job
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps(status), flush=True)
    return None


job = serve()
if job is not None:
    become(job)
