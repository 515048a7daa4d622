"""From where on something is a finding, each with its reason: the one place for all thresholds."""

from __future__ import annotations

from typing import Final

FALSE_ALARMS: Final = 0.05
"""How often a healthy network may show a false finding of one kind, over all its layers, filters and labels together:
once in twenty runs. Tests are corrected for how many there are (Bonferroni)."""

LEAST_INPUTS: Final = 100
"""Inputs from which instances are judged: with fewer, the error of a share is five points and more."""

RAREST: Final = 0.01
"""A filter counts as dead when one that responds to a hundredth of the inputs would have been seen by now: what
responds to less than that is not told from it."""

ALWAYS: Final = 0.9
"""Least frequency that a filter which the monitor calls always on (over 95 %) surely has: the difference is what
sampling may take away in a window of some hundred inputs."""

EXPECTED_UNSEEN: Final = 0.01
"""Share of inputs that no filter detects in a healthy layer: a handful of odd ones."""

UNSEEN_SHARE: Final = 0.25
"""Share of a label's (or place's) inputs from which one that goes undetected is a pattern, not some odd examples: the
class embeddings of a healthy layer lose single examples, never a quarter."""

UNSEEN_RATIO: Final = 3.0
"""Times that share elsewhere: a layer that misses a quarter of everything has no pattern, it has too few filters."""

COPIES: Final = 0.8
"""Share of a layer's output, by variance, that is copied from its input, from which the layer is called of no use.
Layers that have learned something came to 0.2 at most, those that were planted as identities to 0.95 and more."""

COPY_LIKENESS: Final = 0.85
"""Share of a filter's variance that one input value explains (squared correlation) from which it is a copy of it."""

LEAST_COPIES: Final = 4
"""Living filters from which copies are judged: one or two may follow an input by chance."""

ADDED: Final = 0.05
"""Size of what a layer adds to a stream, as a share of it, below which nothing is added to speak of."""

SAME_INPUT: Final = 0.98
"""Correlation of the covariances of two layers' inputs from which they are the same up to noise."""

SMALL_RISE: Final = 0.02
"""Rise of label purity that is of no use, however certain."""

STEEP_RISE: Final = 0.1
"""Rise of label purity in the last layers from which more layers may help."""

APART: Final = 0.8
"""Label purity at the end below which labels are not kept apart: of ten neighbours, two or more are of another one."""

REACH: Final = 0.05
"""Below the similarity that counts as redundant, how far pairs are from which sampling could make a false one: their
errors are about a hundredth. Only those pairs count as tests."""

OVERSIZED: Final = 0.75
"""Share of effective filters below which a layer is called oversized."""

WORTH_SAYING: Final = 0.01
"""Share of undetected instances that is worth a word."""
