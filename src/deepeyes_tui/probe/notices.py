"""What a viewer is to be told beside the numbers, in sentences that come and go."""

from __future__ import annotations

from collections.abc import Sequence


class Notices:
    """Sentences by name, in the order in which they first came."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def show(self, name: str, sentence: str) -> None:
        """Show a sentence in the place of the one of that name; an empty one takes it back."""
        if sentence:
            self._sentences[name] = sentence
        else:
            self._sentences.pop(name, None)

    def show_all(self, name: str, sentences: Sequence[str]) -> None:
        """Show several of one name, beside those that came before them."""
        for number, sentence in enumerate(sentences):
            self.show(f"{name} {number}", sentence)

    def clear(self) -> None:
        """Take all back."""
        self._sentences.clear()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is shown."""
        return tuple(self._sentences.values())
