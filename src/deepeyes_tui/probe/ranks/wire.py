"""What the ranks tell each other beside the training: small JSON values in torch's store, over a connection of our own.

No call waits for another rank. The training's own connection, and its process groups, are not used.
"""

from __future__ import annotations

import json
from typing import Any

from torch.distributed.distributed_c10d import PrefixStore, Store, _get_default_store

PREFIX = "deepeyes"


class Wire:
    """Keys of one watched model; `session` counts those of a process, and is the same on all ranks."""

    def __init__(self, session: int) -> None:
        self._kept_alive = _get_default_store()
        own = self._kept_alive.clone()  # type: ignore[attr-defined]
        self.store: Store = PrefixStore(f"{PREFIX}/{session}", own)

    def post(self, key: str, value: Any) -> None:
        """Set a key. Raises RuntimeError when the store is gone."""
        self.store.set(key, json.dumps(value))

    def read(self, key: str) -> Any:
        """Return a key's value, None where it has not been posted. Raises RuntimeError when the store is gone."""
        return json.loads(self.store.get(key)) if self.store.check([key]) else None

    def read_text(self, key: str) -> str | None:
        """Return what `decide` has set, None where nothing has been decided."""
        return self.store.get(key).decode() if self.store.check([key]) else None

    def decide(self, key: str, value: str) -> str:
        """Set a key that nobody has set, and return what it holds: the first who decides has decided."""
        return self.store.compare_set(key, "", value).decode()

    def add(self, key: str, amount: int) -> int:
        """Add to a counter, from nought, and return its value."""
        return int(self.store.add(key, amount))

    def forget(self, *keys: str) -> None:
        """Remove keys that nobody reads any longer."""
        for key in keys:
            self.store.delete_key(key)
