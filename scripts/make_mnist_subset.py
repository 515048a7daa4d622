"""Make the balanced subset of MNIST that ships with the demo from the full set.

python scripts/make_mnist_subset.py ../shared/data/mnist.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TRAINING, TEST, SEED = 10_000, 2_000, 2017
TARGET = Path(__file__).parents[1] / "src/deepeyes_tui/demo/mnist_subset.npz"
LARGEST = 3_000_000


def balanced(labels: NDArray[np.uint8], count: int, draw: np.random.Generator) -> NDArray[np.intp]:
    """Return the numbers of `count` examples, as many of each class, in random order."""
    each = count // 10
    chosen = [draw.choice(np.flatnonzero(labels == digit), each, replace=False) for digit in range(10)]
    return draw.permutation(np.concatenate(chosen))


def main() -> None:
    draw = np.random.default_rng(SEED)
    with np.load(sys.argv[1]) as full:
        train, test = balanced(full["y_train"], TRAINING, draw), balanced(full["y_test"], TEST, draw)
        np.savez_compressed(
            TARGET,
            x_train=full["x_train"][train],
            y_train=full["y_train"][train],
            x_test=full["x_test"][test],
            y_test=full["y_test"][test],
        )
    size = TARGET.stat().st_size
    assert size <= LARGEST, f"{size} bytes are more than may ship"
    print(f"{TARGET}: {size:,} bytes")


if __name__ == "__main__":
    main()
