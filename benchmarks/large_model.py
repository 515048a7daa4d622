"""A model of 300 layers and 200,000 filters: what watching it costs, and what a viewer of it costs.

python benchmarks/large_model.py [--pairs 3] [--steps 150]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

LAYERS, WIDE, NARROW = 300, 1303, 30
"""Every second layer is wide: 150 (1303 + 30) = 199,950 filters."""
SETTLE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--worker", choices=("none", "deepeyes"))
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(train(options.steps, watched=options.worker == "deepeyes")))
        return
    pairs = [(start("none", options.steps), start("deepeyes", options.steps)) for _ in range(options.pairs)]
    print(f"{LAYERS} layers, {LAYERS // 2 * (WIDE + NARROW):,} filters, batch 256, one thread, {options.steps} steps\n")
    print("| what | value |")
    print("| --- | --- |")
    print(f"| CPU time of training, ratio, median | {median(w['cpu'] / n['cpu'] for n, w in pairs):.3f} |")
    print(f"| its own estimate of its cost | {median(w['cost'] for _, w in pairs):.2%} |")
    print(f"| observed | 1 in {median(w['every'] for _, w in pairs):.0f} steps |")
    print(f"| one publication | {median(w['publish'] for _, w in pairs) * 1e3:.1f} ms |")
    print(f"| board on disk | {pairs[0][1]['board'] / 2**20:.1f} MB |")
    print(f"| reading it in a viewer | {median(w['read'] for _, w in pairs) * 1e3:.1f} ms |")


def start(mode: str, steps: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "DEEPEYES_HOME": folder}
        command = [sys.executable, __file__, "--worker", mode, "--steps", str(steps)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def train(steps: int, *, watched: bool) -> dict[str, float]:
    import torch
    from torch import nn

    import deepeyes_tui as deepeyes

    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(LAYERS // 2):
        layers += [nn.Linear(NARROW, WIDE), nn.ReLU(), nn.Linear(WIDE, NARROW)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    monitor = deepeyes.watch(model, optimizer=optimizer, name="large", enabled=watched)
    draw = torch.Generator().manual_seed(0)
    for step in range(steps + SETTLE):
        if step == SETTLE:
            cpu = time.process_time()
        loss = model(torch.rand(256, NARROW, generator=draw)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        monitor.step(loss=loss)
    return {"cpu": time.process_time() - cpu, **(facts(monitor) if watched else {})}


def facts(monitor) -> dict[str, float]:
    from deepeyes_tui.link.reader import BoardReader

    probe = monitor._probe
    status = probe._status()
    started = time.perf_counter()
    probe._publish()
    published = time.perf_counter()
    snapshot = BoardReader(probe.run.board).read()
    assert snapshot is not None
    return {
        "cost": status.cost,
        "every": status.observed_every,
        "publish": published - started,
        "read": time.perf_counter() - published,
        "board": probe.run.board.stat().st_size,
    }


if __name__ == "__main__":
    main()
