"""Which of how many processes of a distributed training this one is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from torch import distributed


@dataclass(frozen=True, slots=True)
class Place:
    """`rank` of `size` processes."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that owns the run, publishes and takes commands."""
        return self.rank == 0


def find_place() -> Place:
    """Return this process's place, as torch knows it, or else as a launcher such as torchrun has said it."""
    if is_connected():
        return Place(distributed.get_rank(), distributed.get_world_size())
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    launched = "MASTER_ADDR" in os.environ and rank.isdecimal() and size.isdecimal()
    return Place(int(rank), int(size)) if launched and int(rank) < int(size) else Place()


def is_connected() -> bool:
    """Return whether torch's processes know each other by now."""
    return distributed.is_available() and distributed.is_initialized()
