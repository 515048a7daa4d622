# ruff: noqa
"""Trains a little, and behaves in the way that its first argument names."""

import atexit
import contextlib
import io
import os
import signal
import sys
import tempfile
import time

import torch
from torch import nn

manner = sys.argv[1]
atexit.register(print, "registered before")
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def train(steps):
    for _ in range(steps):
        x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
        if manner == "bad_label" and _ == 2:
            y[0] = 7
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("loss", loss.item())


def interrupted(number, frame):
    print("handler got", signal.Signals(number).name)
    sys.exit(4)


if manner == "stdin":
    print("read", sys.stdin.read())
if manner == "chdir":
    os.chdir(tempfile.gettempdir())
if manner == "handlers":
    signal.signal(signal.SIGUSR1, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
if manner == "redirects":
    with contextlib.redirect_stdout(io.StringIO()) as kept:
        train(2)
    print("kept", len(kept.getvalue()))
if manner == "closes_stderr":
    sys.stderr.close()
    sys.stderr = None
if manner == "excepthook":
    sys.excepthook = lambda kind, error, trace: print("hook:", kind.__name__, error, trace.tb_lineno, trace.tb_next)
train(3)
sys.stdout.flush()
if manner == "fork":
    if os.fork() == 0:
        train(2)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    train(1)
atexit.register(print, "registered after")
match manner:
    case "exit":
        sys.exit(3)
    case "exit_words":
        sys.exit("that is all")
    case "os_exit":
        os._exit(5)
    case "raises" | "excepthook":
        raise ValueError("the data is odd")
    case "memory":
        bytearray(1 << 62)
    case "torch_memory":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    case "handlers":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    case "hangs":
        time.sleep(3600)
print("the end", os.getcwd() != "")
