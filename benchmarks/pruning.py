"""Cutting filters of networks in training: ours beside Torch-Pruning on the reference cases, one thread.

    python benchmarks/pruning.py [--rounds 5] [--cases unet] [--details]

A cut is exact when the output equals that of the masked network, masked by hand, or as either tool says itself.
Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from statistics import median

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from pruning.judging import Judgement, Verdict, judge
from pruning.speed import case_seconds, networks, prune_seconds, training_speed
from pruning.tools import TOOLS
from tests.surgery.architectures import CASES
from tests.surgery.architectures_case import Case

ASKED_WRONGLY = ("not there", "negative", "twice", "no filter", "without filters", "does not run")
"""Cases about questions, not about networks; they are left out."""
FAULTS = ("optimizer keeps the old parameters", "next step fails", "unfreezes layers", "leaves eval mode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default="")
    parser.add_argument("--details", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = [case for case in CASES if options.cases in case.name and not any(w in case.name for w in ASKED_WRONGLY)]
    judged = {tool: [judge(case, prune) for case in cases] for tool, prune in TOOLS.items()}
    print_verdicts(judged, len(cases))
    print_seconds(cases, judged, options.rounds)
    if options.details:
        print_details(cases, judged)
    if not options.cases:
        print_costs(options.rounds)


def print_verdicts(judged: dict[str, list[Judgement]], count: int) -> None:
    print(f"| {count} cuts | {' | '.join(judged)} |\n| --- |{' ---: |' * len(judged)}")
    counts = {tool: Counter(one.verdict for one in all_) for tool, all_ in judged.items()}
    broken = {tool: Counter(fault for one in all_ for fault in one.faults) for tool, all_ in judged.items()}
    for verdict in Verdict:
        print(f"| {verdict} | {' | '.join(str(counts[tool][verdict]) for tool in judged)} |")
    for fault in FAULTS:
        print(f"| exact, but: {fault} | {' | '.join(str(broken[tool][fault]) for tool in judged)} |")
    sound = {
        tool: sum(one.verdict is Verdict.EXACT and not one.faults for one in all_) for tool, all_ in judged.items()
    }
    print(f"| exact, and training goes on | {' | '.join(str(sound[tool]) for tool in judged)} |\n")


def print_seconds(cases: list[Case], judged: dict[str, list[Judgement]], rounds: int) -> None:
    """Print the median over the cases in which all tools are exact."""
    both = [
        case for number, case in enumerate(cases) if all(a[number].verdict is Verdict.EXACT for a in judged.values())
    ]
    taken: dict[str, list[float]] = {tool: [] for tool in TOOLS}
    for case in both:
        turns = [{tool: case_seconds(case, prune) for tool, prune in TOOLS.items()} for _ in range(rounds)]
        for tool, seconds in taken.items():
            seconds.append(median(turn[tool] for turn in turns))
    for tool, seconds in taken.items():
        print(
            f"{tool}: {median(seconds) * 1000:.1f} ms of CPU a prune, median of {len(both)} cuts that both do exactly"
        )


def print_details(cases: list[Case], judged: dict[str, list[Judgement]]) -> None:
    print(f"\n| cut | {' | '.join(judged)} |\n| --- |{' --- |' * len(judged)}")
    for number, case in enumerate(cases):
        ends = [all_[number] for all_ in judged.values()]
        if len({end.verdict for end in ends}) > 1:
            print(f"| {case.name} | {' | '.join(_end(end) for end in ends)} |")


def print_costs(rounds: int) -> None:
    print(f"\n| one prune, ms of CPU | {' | '.join(TOOLS)} |\n| --- |{' ---: |' * len(TOOLS)}")
    for name, network in networks().items():
        seconds = prune_seconds(network, rounds)
        print(f"| {name} | {' | '.join(f'{seconds[tool] * 1000:.0f}' for tool in TOOLS)} |")
    speed = training_speed(rounds)
    print("\n| LeNet, batch 64 | steps a second of CPU |\n| --- | ---: |")
    for name, rate in speed.items():
        print(f"| {name} | {rate:.1f} |")
    before, after = speed.values()
    print(f"\nCut, it trains {after / before:.2f} times as fast.")


def _end(end: Judgement) -> str:
    reason = end.why.splitlines()[0][:100].replace("|", "/") if end.why else ""
    return f"{end.verdict}: {reason}" if reason else str(end.verdict)


if __name__ == "__main__":
    main()
