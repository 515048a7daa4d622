"""What the text says of the trained network, each sentence with its measure and when it counts as found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reading.cells import NetworkReading, Networks, across, cell, table
from reading.measures import LayerReading, rank_of
from reading.network import LAYERS

MIXED, SEPARATE = 0.1, 0.8
"""Of the way from chance to pure: up to the one labels count as mixed, from the other as separate."""
LARGER = 1.5
"""How many times the coverage of conv2 that of conv1 has to be, to be called large beside it."""
CONFUSED = 3
"""Ranks of the pairs of digits that count as confused."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement, the rule by which one network bears it out, and the figures behind it."""

    says: str
    rule: str
    holds: Callable[[NetworkReading], bool]
    measured: Callable[[Networks], str]


def claims_table(networks: Networks) -> str:
    """Return, claim by claim, what was measured and in how many of the networks it holds."""
    rows = [
        [claim.says, claim.measured(networks), claim.rule, f"{sum(map(claim.holds, networks))} of {len(networks)}"]
        for claim in CLAIMS
    ]
    return table(["the text", "measured", "counts as found when", "networks"], rows)


def separation(layer: LayerReading) -> float:
    """Return how far labels are apart in what enters a layer: 0 as by chance, 1 where all neighbours are alike."""
    chance = layer.numbers.purity_by_chance
    return (layer.numbers.purity - chance) / (1 - chance)


def _covered(layer: LayerReading, *, inked: bool) -> float:
    return float(np.median((layer.coverage_of_ink if inked else layer.coverage)[0.5]))


def _each(value: Callable[[LayerReading], float], *names: str, digits: int = 3) -> Callable[[Networks], str]:
    """Return what writes a value of some layers beside their names."""
    return lambda networks: ", ".join(f"{name} {across(networks, name, value, digits)}" for name in names)


def _ranks(pair: tuple[int, int], name: str) -> Claim:
    def rank(network: NetworkReading) -> int:
        return rank_of(pair, network.layer(name).mixed)

    return Claim(
        f"{pair[0]} and {pair[1]} are confused at {name}",
        f"among the {CONFUSED} pairs most mixed, of 45",
        lambda network: rank(network) <= CONFUSED,
        lambda networks: f"rank {', '.join(str(rank(network)) for network in networks)}",
    )


def _larger(*, inked: bool) -> Claim:
    which = "of the instances with ink" if inked else "of all instances"
    return Claim(
        f"filters fire on large regions at conv1, on small ones at conv2; {which}",
        f"the median of conv1 is {LARGER:g} times that of conv2 or more",
        lambda one: _covered(one.layer("conv1"), inked=inked) >= LARGER * _covered(one.layer("conv2"), inked=inked),
        _each(lambda layer: _covered(layer, inked=inked), "conv1", "conv2"),
    )


def _background(name: str) -> Claim:
    return Claim(
        f"points of low maximum activation are background at {name}",
        "most of them are nearly blank",
        lambda one: one.layer(name).faint.blank > 0.5,
        lambda networks: (
            f"{across(networks, name, lambda layer: layer.faint.blank)} of them blank, "
            f"{across(networks, name, lambda layer: layer.faint.of_blank)} of the blank among them"
        ),
    )


CLAIMS = (
    Claim(
        "labels are mixed in the Input Map of conv1",
        f"at most {MIXED:g} of the way from chance to pure",
        lambda one: separation(one.layer("conv1")) <= MIXED,
        _each(separation, "conv1"),
    ),
    Claim(
        "they begin to cluster at conv2",
        f"between {MIXED:g} and {SEPARATE:g} of the way",
        lambda one: MIXED < separation(one.layer("conv2")) < SEPARATE,
        _each(separation, "conv2"),
    ),
    Claim(
        "they are apart at fc1",
        f"{SEPARATE:g} of the way or more, and purity rises from layer to layer",
        lambda one: separation(one.layer("fc1")) >= SEPARATE and bool(np.all(np.diff(_purities(one)) > 0)),
        _each(separation, "fc1", "fc2"),
    ),
    _larger(inked=False),
    _larger(inked=True),
    _background("conv1"),
    _background("conv2"),
    Claim(
        "every point activates a filter of fc1",
        "no instance is undetected",
        lambda one: one.layer("fc1").numbers.undetected == 0,
        lambda networks: f"undetected {across(networks, 'fc1', lambda layer: layer.numbers.undetected, 4)}",
    ),
    Claim(
        "filters of fc1 form groups that go with labels",
        "same digit among the most similar more often than in 97.5 % of random deals",
        lambda one: one.layer("fc1").grouping.beyond_chance,
        lambda networks: (
            f"{across(networks, 'fc1', lambda layer: layer.grouping.same)}, "
            f"by chance {across(networks, 'fc1', lambda layer: layer.grouping.chance)}"
        ),
    ),
    Claim(
        "there is no group for the 5 at fc1",
        "among the three digits whose filters are least often beside their own",
        lambda one: _rank_of_5(one.layer("fc1")) < 3,
        _each(lambda layer: layer.grouping.by_label[5], "fc1"),
    ),
    Claim(
        "filters of the 5 at fc1 fire on the 3 as well",
        "3 is the digit that most often comes second for them",
        lambda one: int(np.argmax(one.layer("fc1").second[5])) == 3,
        lambda networks: f"second in {cell((_share_of_3(one) for one in networks), 2)} of these filters",
    ),
    Claim(
        "every filter of fc2 has a label of its own",
        "ten filters, ten labels",
        lambda one: one.layer("fc2").digits == 10,
        lambda networks: f"{across(networks, 'fc2', lambda layer: layer.digits, 1)} labels",
    ),
    _ranks((3, 5), "fc1"),
    _ranks((0, 6), "fc2"),
    Claim(
        "filters of fc2 show that 0 and 6 are confused",
        "6 comes second for the filter of 0, or 0 for that of 6",
        lambda one: _between_0_and_6(one) > 0,
        lambda networks: f"{cell(map(_between_0_and_6, networks), 1)} of the two filters",
    ),
    Claim(
        "conv1 has many dead filters, fc1 some",
        "at least one in both",
        lambda one: one.layer("conv1").dead > 0 and one.layer("fc1").dead > 0,
        _each(lambda layer: layer.dead, "conv1", "fc1", digits=1),
    ),
    Claim(
        "conv1 and fc1 have filters that do the same",
        "a group over 0.9 in both",
        lambda one: one.layer("conv1").numbers.groups > 0 and one.layer("fc1").numbers.groups > 0,
        lambda networks: f"largest similarity {_each(lambda layer: layer.alike, 'conv1', 'fc1', digits=2)(networks)}",
    ),
    Claim(
        "98.2 % of the test set are recognised after 2000 steps",
        "98.2 % or more",
        lambda one: one.accuracy >= 0.982,
        lambda networks: f"{cell((100 * one.accuracy for one in networks), 2)} %",
    ),
)


def _purities(network: NetworkReading) -> list[float]:
    return [network.layer(name).numbers.purity for name in LAYERS]


def _rank_of_5(layer: LayerReading) -> int:
    """Return how many digits have filters that are less often beside their own; a digit without filters is last."""
    own = np.nan_to_num(layer.grouping.by_label, nan=-1.0)
    return int(np.count_nonzero(own < own[5]))


def _between_0_and_6(network: NetworkReading) -> int:
    second = network.layer("fc2").second
    return second[0][6] + second[6][0]


def _share_of_3(network: NetworkReading) -> float:
    second = network.layer("fc1").second[5]
    return second[3] / max(sum(second), 1)
