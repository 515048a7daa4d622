"""The tables of the reading, in markdown: a row for each layer at each stage, figures over all networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reading.cells import Networks, across, cell, table
from reading.measures import BLANK, LOWEST, SHARES, WEAK, LayerReading, rank_of
from reading.network import LAYERS

Stages = Mapping[int, Networks]
"""Networks of all seeds by their step."""
NAMED = ((3, 5), (0, 6))
"""Pairs of digits that the text calls confused."""
WORST = 5
LINEAR = ("fc1", "fc2")
Column = tuple[str, Callable[[LayerReading], float], int]


def all_tables(stages: Stages) -> str:
    """Return every table under its heading."""
    parts = (
        ("Labels among neighbours", purity(stages)),
        ("How much of a map a filter covers", coverage(stages)),
        ("Instances of low maximum activation", faint(stages)),
        ("Filters that stand for the same digit", groups(stages)),
        ("Digits that are confused", confusions(stages)),
        ("Filters and accuracy", f"{filters(stages)}\n\n{accuracy(stages)}"),
    )
    return "\n\n".join(f"#### {heading}\n{content}" for heading, content in parts)


def purity(stages: Stages) -> str:
    """Tabulate how pure neighbourhoods are in what enters a layer and in what leaves it."""
    columns: list[Column] = [
        ("what enters: the receptive field, as in the Input Map", lambda layer: layer.numbers.purity, 3),
        ("its standard error", lambda layer: layer.numbers.purity_error, 3),
        ("what leaves: the layer's own activations", lambda layer: layer.own.value, 3),
        ("its standard error", lambda layer: layer.own.error, 3),
        ("by chance", lambda layer: layer.numbers.purity_by_chance, 3),
    ]
    return _layers(stages, LAYERS, columns)


def coverage(stages: Stages) -> str:
    """Tabulate the median and the quartiles, over living filters, of the share of instances on which they fire."""
    head = ["layer", "steps", "instances", *(f"above {share:g} of its maximum" for share in SHARES)]
    rows = []
    for name, step, networks in _each(stages, LAYERS):
        every = [network.layer(name).coverage for network in networks]
        inked = [network.layer(name).coverage_of_ink for network in networks]
        rows.append([name, str(step), "all", *(_spread([found[share] for found in every]) for share in SHARES)])
        if name in ("conv1", "conv2"):
            rows.append(
                [name, str(step), "with ink", *(_spread([found[share] for found in inked]) for share in SHARES)]
            )
    return table(head, rows)


def faint(stages: Stages) -> str:
    """Tabulate what the instances of the lowest maximum activation show."""
    columns: list[Column] = [
        (f"share of instances up to the {100 * LOWEST:g} % quantile", lambda layer: layer.faint.share, 3),
        ("their ink", lambda layer: layer.faint.ink, 3),
        ("ink of the others", lambda layer: layer.faint.ink_of_others, 3),
        (f"nearly blank (ink under {BLANK:g})", lambda layer: layer.faint.blank, 3),
        ("of the others", lambda layer: layer.faint.blank_of_others, 3),
        ("share of all the blank that is theirs", lambda layer: layer.faint.of_blank, 3),
        ("undetected", lambda layer: layer.numbers.undetected, 4),
    ]
    return _layers(stages, LAYERS, columns)


def groups(stages: Stages) -> str:
    """Tabulate how often filters that are alike stand for the same digit."""
    columns: list[Column] = [
        ("same digit among the most similar", lambda layer: layer.grouping.same, 3),
        ("by chance", lambda layer: layer.grouping.chance, 3),
        ("95 % of chance from", lambda layer: layer.grouping.low, 3),
        ("to", lambda layer: layer.grouping.high, 3),
        ("strength of association, median", lambda layer: layer.strength, 3),
        ("digits that a filter stands for", lambda layer: layer.digits, 1),
    ]
    return f"{_layers(stages, LAYERS, columns)}\n\n{groups_by_digit(stages)}"


def groups_by_digit(stages: Stages) -> str:
    """Tabulate, for the last stage's fc1, the filters of each digit and how many of their most similar are theirs."""
    step, networks = max(stages.items())
    layers = [network.layer("fc1") for network in networks]
    rows = [
        [
            str(digit),
            cell((layer.labels[digit] for layer in layers), 1),
            cell((layer.grouping.by_label[digit] for layer in layers), 2),
            cell((layer.second[5][digit] for layer in layers), 1),
        ]
        for digit in range(10)
    ]
    head = [f"digit, fc1 after {step} steps", "filters that stand for it", "same among their most similar"]
    return table([*head, "comes second for filters of 5"], rows)


def confusions(stages: Stages) -> str:
    """Tabulate the pairs of digits most mixed in what enters the linear layers, and the rank of those of the text."""
    head = ["what enters", "steps", "most mixed pairs, share of all neighbours"]
    head += [f"rank of {one}/{other} of 45" for one, other in NAMED]
    rows = []
    for name, step, networks in _each(stages, LINEAR):
        ranks = [[rank_of(pair, network.layer(name).mixed) for network in networks] for pair in NAMED]
        shown = ", ".join(f"{one}/{other} {share:.4f}" for one, other, share in _mixed(networks, name)[:WORST])
        rows.append([name, str(step), shown, *(", ".join(map(str, found)) for found in ranks)])
    return table(head, rows)


def filters(stages: Stages) -> str:
    """Tabulate dead, weak and redundant filters."""
    columns: list[Column] = [
        ("filters", lambda layer: layer.filters, 0),
        ("dead", lambda layer: layer.dead, 1),
        (f"never above {WEAK:g} of the layer's maximum", lambda layer: layer.weak, 1),
        ("redundant groups over 0.9", lambda layer: layer.numbers.groups, 1),
        ("effective filters at 0.9", lambda layer: layer.numbers.effective_filters, 1),
        ("at 0.5", lambda layer: layer.effective_at_half, 1),
        ("largest similarity", lambda layer: layer.alike, 2),
    ]
    return _layers(stages, LAYERS, columns)


def accuracy(stages: Stages) -> str:
    """Tabulate the accuracy on the test set."""
    rows = [
        [str(step), f"{cell((100 * network.accuracy for network in networks), 2)} %"]
        for step, networks in stages.items()
    ]
    return table(["steps", "test accuracy"], rows)


def _layers(stages: Stages, names: Sequence[str], columns: Sequence[Column]) -> str:
    rows = [
        [name, str(step), *(across(networks, name, value, digits) for _, value, digits in columns)]
        for name, step, networks in _each(stages, names)
    ]
    return table(["layer", "steps", *(head for head, _, _ in columns)], rows)


def _each(stages: Stages, names: Sequence[str]) -> Iterator[tuple[str, int, Networks]]:
    for step, networks in stages.items():
        for name in names:
            yield name, step, networks


def _spread(covered: Sequence[NDArray[np.float32]]) -> str:
    """Return the median and the quartiles over the filters of all networks."""
    low, middle, high = np.quantile(np.concatenate(covered), (0.25, 0.5, 0.75))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _mixed(networks: Networks, name: str) -> list[tuple[int, int, float]]:
    """Return pairs of digits by the mean of their shares over all networks, worst first."""
    shares: dict[tuple[int, int], list[float]] = {}
    for network in networks:
        for one, other, share in network.layer(name).mixed:
            shares.setdefault((one, other), []).append(share)
    found = [(*pair, float(np.mean(values))) for pair, values in shares.items()]
    return sorted(found, key=lambda pair: -pair[2])
