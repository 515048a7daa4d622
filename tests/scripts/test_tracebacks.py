"""Tracebacks that are shortened are still shown, whatever the error holds."""

import pytest

from deepeyes_tui.script import tracebacks


class ManyErrors(Exception):
    """Has an attribute of a name that groups of errors have."""

    def __init__(self, exceptions):
        super().__init__("many")
        self.exceptions = exceptions


@pytest.mark.parametrize("held", [None, {"a": 1}, [1, "b"]])
def test_an_error_with_a_list_of_its_own(held, monkeypatch):
    shown = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, trace: shown.append(error))
    tracebacks.shorten_next()
    error = ManyErrors(held)
    tracebacks.sys.excepthook(ManyErrors, error, None)
    assert shown == [error]
