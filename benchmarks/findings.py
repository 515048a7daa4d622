"""Findings on networks with planted faults: precision and recall of each kind, and what is found in healthy ones.

Each network is watched by the real probe while it runs over digits; board and rings are read back and judged. What is
true is measured on other digits: a fault that nobody planted but that is there counts as true.
python benchmarks/findings.py [--faulty 100] [--healthy 40] [--first 10000]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from planting import FAULTS, Planted, batches, digits, plant, responses
from torch import Tensor

WATCHED = 80
"""Steps, each of them observed, as if the training took longer."""
KINDS = {
    "dead": "dead filters",
    "always on": "always-on filters",
    "duplicated": "redundant filters",
    "no use": "layer without use",
    "unseen": "unseen pattern",
}
Items = dict[str, set[tuple]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faulty", type=int, default=100, help="networks with faults")
    parser.add_argument("--healthy", type=int, default=40, help="networks without")
    parser.add_argument("--first", type=int, default=10_000, help="first seed: others than those of the tuning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DEEPEYES_HOME": folder, "DEEPEYES_LIVE": f"{folder}/live"}
        Path(folder, "live").mkdir(mode=0o700)
        print(table(*measure(options.faulty, options.healthy, options.first)))


def measure(faulty: int, healthy: int, first: int, say=print) -> tuple[Counter, Counter]:
    """Return how many items of each kind were found rightly, wrongly and not, and in how many healthy networks what."""
    score: Counter = Counter()
    alarms: Counter = Counter(networks=healthy)
    for seed in range(first, first + faulty + healthy):
        sick = seed < first + faulty
        lot = random.Random(-seed - 1)
        faults = tuple(f for f in FAULTS if lot.random() < 0.5) or (lot.choice(FAULTS),) if sick else ()
        started = time.perf_counter()
        made = plant(seed, faults)
        found, planted = found_in(made, seed), planted_in(made)
        true = true_of(made, found, planted)
        for kind in KINDS:
            right = found[kind] & true[kind]
            score[kind, "right"] += len(right)
            score[kind, "wrong"] += len(found[kind] - true[kind])
            score[kind, "planted"] += len(planted[kind])
            score[kind, "recalled"] += len(planted[kind] & found[kind])
            alarms[kind, "wrong"] += not sick and bool(found[kind] - true[kind])
            alarms[kind, "unplanted"] += not sick and bool(right)
            for what, items in (("wrong", found[kind] - true[kind]), ("missed", planted[kind] - found[kind])):
                if items:
                    say(f"  {seed} {type(made.model[1]).__name__} {kind}: {what} {sorted(items)[:4]}")
        if seed % 10 == 0:
            say(f"seed {seed}: {time.perf_counter() - started:.1f} s\n{table(score, alarms)}")
    return score, alarms


def table(score: Counter, alarms: Counter) -> str:
    """Return the result in Markdown."""
    rows = [
        "| kind | planted | found of these | recall | found in all | precision | healthy networks with a false one |"
    ]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, name in KINDS.items():
        right, wrong = score[kind, "right"], score[kind, "wrong"]
        planted, recalled = score[kind, "planted"], score[kind, "recalled"]
        rows.append(
            f"| {name} | {planted} | {recalled} | {recalled / max(planted, 1):.3f} | {right + wrong} | "
            f"{right / max(right + wrong, 1):.3f} | {alarms[kind, 'wrong']} of {alarms['networks']} "
            f"(true ones nobody planted: {alarms[kind, 'unplanted']}) |"
        )
    return "\n".join(rows)


def planted_in(made: Planted) -> Items:
    """Return what was planted, item by item."""
    return {
        "dead": set(made.dead),
        "always on": set(made.on),
        "duplicated": {(layer, i) for layer, _, i in made.copies},
        "no use": {(name,) for name in made.idle},
        "unseen": set(made.unseen),
    }


def found_in(made: Planted, seed: int) -> Items:
    """Watch a network, and return what is found in it; of redundant filters all that are in a group."""
    found: Items = defaultdict(set)
    for finding in findings_of(made, seed):
        kind = next((kind for kind, name in KINDS.items() if name == finding.kind), None)
        if kind in ("dead", "always on", "duplicated"):
            found[kind].update((finding.layer, i) for i in finding.filters)
        elif kind == "no use":
            found[kind].add((finding.layer,))
        elif kind == "unseen" and "label " in finding.sentence:
            found[kind].add((finding.layer, int(finding.sentence.split("label ")[1].split()[0])))
        elif kind == "unseen":
            found[kind].add((finding.layer, -1))
    return found


def findings_of(made: Planted, seed: int):
    """Watch a network that stays as it is while it runs over digits; return the findings."""
    import deepeyes_tui as deepeyes
    from deepeyes_tui.analysis.evidence import gather_evidence
    from deepeyes_tui.analysis.process import read
    from deepeyes_tui.findings import find
    from deepeyes_tui.link.ring import ring_path
    from deepeyes_tui.link.runs import find_run
    from deepeyes_tui.link.watcher import Watcher
    from deepeyes_tui.probe.budget import Budget

    x, y, _, _ = digits()
    made.model.train()
    always = patch.object(Budget, "affords_observation", lambda _: True)
    options = {"labels": list("0123456789"), "name": f"n{seed}", "budget": 1.0, "control": "off"}
    with always, deepeyes.watch(made.model, **options) as monitor:
        name = monitor.name
        with torch.no_grad():
            for chosen in batches(seed + 1, WATCHED):
                made.model(x[chosen])
                monitor.step(targets=y[chosen])
    run = find_run(name)
    watcher = Watcher(run)
    snapshot = watcher.poll().snapshot
    watcher.close()
    names = [info.name for info in snapshot.layers]
    readers = [partial(read, ring_path(run.instances, i), layer, 2000) for i, layer in enumerate(names)]
    return find(snapshot, gather_evidence(1, readers))


@torch.no_grad()
def true_of(made: Planted, found: Items, planted: Items) -> Items:
    """Return which of the found items are true of other digits, and all that were planted."""
    _, _, x, y = digits()
    layers = sorted({item[0] for items in found.values() for item in items})
    seen = responses(made.model, x, layers)
    true = {kind: set(items) for kind, items in planted.items()}
    for layer in layers:
        a = seen[layer].view(len(x), -1, seen[layer].shape[1])  # (inputs, places, F)
        top = float(a.max())
        true["dead"] |= {(layer, int(i)) for i in ((a.amax(1) > 1e-3 * top).float().mean(0) < 0.01).nonzero()}
        true["always on"] |= {(layer, int(i)) for i in ((a > top / 2).float().mean((0, 1)) > 0.95).nonzero()}
        for _, i in {item for item in found["duplicated"] if item[0] == layer}:
            if likeness(a.flatten(0, 1), i) >= 0.9:
                true["duplicated"].add((layer, i))
        for label in range(10):
            missed = (a.sum(2) <= 1e-6 * top).float().mean(1) >= 0.5
            own, rest = float(missed[y == label].float().mean()), float(missed[y != label].float().mean())
            if own >= 0.2 and own >= 2.5 * rest:
                true["unseen"].add((layer, label))
    return true


def likeness(a: Tensor, i: int) -> float:
    """Return the largest weighted Jaccard similarity of a filter to any other, of `(instances, F)`."""
    own = a[:, i : i + 1]
    alike = torch.minimum(own, a).sum(0) / torch.maximum(own, a).sum(0).clamp_min(1e-12)
    alike[i] = 0
    return float(alike.max())


if __name__ == "__main__":
    main()
