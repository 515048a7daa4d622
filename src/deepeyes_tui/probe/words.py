"""Texts of the tokens that instances show: asked of the user's tokenizer by a thread, a few at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.excerpts import BESIDE
from deepeyes_tui.link.owned import OwnFile
from deepeyes_tui.link.threads import HiddenThread, hide
from deepeyes_tui.link.words import LABELS, WORDS, encode_words

Text = Callable[[int], Any]
AT_ONCE = 32
"""Tokens between two looks at the clock."""
REST = 100.0
"""How many times as long as it took the tokenizer rests: a hundredth of one core at most."""
SLOW = 0.5
"""Seconds for `AT_ONCE` tokens after which it is not asked again."""
MOST = 1 << 18
"""Tokens whose texts are kept."""
MOST_TAGS = 256
"""Labels of places that are no tokens: parts of speech, names."""
BY_ID = ("convert_ids_to_tokens", "id_to_token", "id_to_piece", "IdToPiece")
"""Methods that give the text of one token, its place between spaces marked: they go before `decode`, which cuts it."""


def are_tokens(labels: NDArray[np.int32], tokens: NDArray[np.int32]) -> bool:
    """Return whether labels `(S,)` of places are tokens: where most are the instance's own or the next one of
    `tokens (S, TOKENS)`, or where there are more than any set of tags has.
    """
    known = labels >= 0
    if not known.any():
        return False
    own, next_one = (tokens[known, BESIDE + step] == labels[known] for step in (0, 1))
    return bool(max(own.mean(), next_one.mean()) >= 0.5 or labels.max() >= MOST_TAGS)


def texts_of(tokenizer: Any) -> tuple[Text, frozenset[int]]:
    """Return what gives the text of a token, and the special ones. Raises TypeError for what is no tokenizer.

    A tokenizer has one of the methods `BY_ID`, or `decode`; or it is a list, a dict from ids or from texts, or a
    function of an id.
    """
    for name in BY_ID:
        if callable(method := getattr(tokenizer, name, None)):
            return method, _special(tokenizer)
    if callable(decode := getattr(tokenizer, "decode", None)):
        return lambda number: decode([number]), _special(tokenizer)
    if isinstance(tokenizer, Mapping):
        return _by_mapping(tokenizer), frozenset()
    if isinstance(tokenizer, Sequence):
        return tokenizer.__getitem__, frozenset()
    if callable(tokenizer):
        return tokenizer, frozenset()
    raise TypeError(f"{type(tokenizer).__name__} is no tokenizer")


def _by_mapping(words: Mapping[Any, Any]) -> Text:
    turned = isinstance(next(iter(words), None), str)
    by_id = {number: text for text, number in words.items()} if turned else words
    return lambda number: by_id[number]


def _special(tokenizer: Any) -> frozenset[int]:
    named = getattr(tokenizer, "all_special_ids", None)
    padding = getattr(tokenizer, "pad_token_id", None)
    found = [*(named if isinstance(named, Iterable) else ()), *([] if padding is None else [padding])]
    return frozenset(number for number in found if isinstance(number, int))


class WordBook:
    """Keeps the texts of all tokens met in a file beside the rings. `notice` says in a sentence what went wrong.

    A thread of its own asks the tokenizer, so that one that is slow, or never answers, does not hold up a step. Tokens
    for which it raises stay numbers; one that raises for all of the first, or is slow, is not asked again.
    """

    def __init__(self, tokenizer: Any, folder: Path) -> None:
        self.notice = ""
        self._path, self._tokenizer = folder / WORDS, tokenizer
        self._met: NDArray[np.int32] | None = None
        self._known: set[int] = set()
        self._labels_are_tokens = self._told = False
        self._asking_since = 0.0
        self._wake, self._closed = threading.Event(), threading.Event()
        self._thread: HiddenThread | None = None

    def meet(self, tokens: NDArray[np.int32], labels: NDArray[np.int32] | None = None) -> None:
        """Take note of tokens `(S, TOKENS)`, and of the labels `(S,)` of their places; texts follow. Never waits."""
        if self._tokenizer is None or not tokens.size or self._closed.is_set():
            return
        if labels is not None and (self._labels_are_tokens or are_tokens(labels, tokens)):
            self._labels_are_tokens = True
            tokens = np.concatenate((tokens.ravel(), labels.ravel()))
        self._met = tokens
        if self._thread is None:
            self._thread = HiddenThread(self._serve)
        self._wake.set()
        if self._asking_since and perf_counter() - self._asking_since > SLOW:
            self._give_up("it is slow")

    def close(self) -> None:
        """Ask no more; what is asked at this moment is not waited for."""
        self._closed.set()
        self._wake.set()

    def _give_up(self, reason: str) -> None:
        self.notice = f"tokens are shown by their numbers, the tokenizer is not asked: {reason}"
        self.close()

    def _serve(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            file = OwnFile(self._path, fd)
            try:
                self._work(file)
            finally:
                file.close()
        except OSError as error:
            self._give_up(f"{self._path}: {error.strerror}")
        except Exception as error:  # the user's tokenizer may do anything, and the training must not hear of it
            self._give_up(f"{type(error).__name__}: {error}".partition("\n")[0][:120])

    def _work(self, file: OwnFile) -> None:
        with self._asking():
            text, special = texts_of(self._tokenizer)
        while not self._closed.is_set():
            self._wake.wait()
            self._wake.clear()
            if self._labels_are_tokens and not self._told:
                self._told = True
                file.append(f'"{LABELS}"\n'.encode())
            new = self._new()
            for start in range(0, len(new), AT_ONCE):
                with self._asking():
                    found = self._ask(text, new[start : start + AT_ONCE], special)
                if self._closed.is_set():
                    return
                file.append(encode_words(found))

    def _new(self) -> list[int]:
        """Return the tokens met that are not known yet, the most frequent first."""
        met = self._met if self._met is not None else np.empty(0, np.int32)
        numbers, counts = np.unique(met[met >= 0], return_counts=True)
        ordered = numbers[np.argsort(-counts, kind="stable")].tolist()
        return [number for number in ordered if number not in self._known][: MOST - len(self._known)]

    def _ask(self, text: Text, numbers: Sequence[int], special: frozenset[int]) -> list[tuple[int, str, bool]]:
        found, last_error = [], None
        for number in numbers:
            try:
                piece = text(number)
            except Exception as error:  # one token that it cannot say is no reason to lose the others
                last_error = error
                continue
            if piece is not None:
                words = piece.decode("utf-8", "replace") if isinstance(piece, bytes) else str(piece)
                found.append((number, words, number in special))
            if perf_counter() - self._asking_since > SLOW:
                raise TimeoutError("it is slow")
        if last_error is not None and not found and not self._known:
            raise last_error
        self._known.update(numbers)
        return found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Bracket what the tokenizer does, and rest afterwards."""
        self._asking_since = started = perf_counter()
        try:
            yield
        finally:
            self._asking_since = 0.0
            hide()
        self._closed.wait((perf_counter() - started) * REST)
