"""Appointments of one rank: what it promises, is told, and does at the end of which step."""

from concurrent.futures import ThreadPoolExecutor

from deepeyes_tui.probe.ranks import book as keeping
from deepeyes_tui.probe.ranks.book import Book, Call

FIRST, SECOND = Call(1, "start"), Call(2, "meet")


def test_what_is_agreed_on_is_done_at_the_end_of_its_step_once():
    book = Book()
    assert book.reach(4) == []
    assert book.promise(FIRST) == 5
    book.settle(1, 7)
    assert [book.reach(step) for step in (5, 6, 7, 8)] == [[], [], [FIRST], []]
    assert not book.open


def test_a_call_that_is_called_off_is_not_done():
    book = Book()
    book.promise(FIRST)
    book.promise(SECOND)
    book.settle(1, None)
    book.settle(2, 1)
    assert book.reach(1) == [SECOND]


def test_who_comes_before_the_step_is_known_waits_for_it():
    book = Book()
    book.promise(FIRST)
    with ThreadPoolExecutor(1) as training:
        reached = training.submit(book.reach, 1)
        while book.finished < 1:
            pass
        book.settle(1, 1)
        assert reached.result(keeping.KNOWN_WITHIN / 2) == [FIRST]
    assert not book.missed


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(keeping, "KNOWN_WITHIN", 0.01)
    book = Book()
    book.promise(FIRST)
    assert book.reach(1) == []
    assert book.missed
    assert not book.open
