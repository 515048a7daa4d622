"""Threads that scripts do not see."""

import os
import threading

from deepeyes_tui.link.threads import HiddenThread, hide


def test_it_runs_is_joined_and_nobody_sees_it():
    go, seen = threading.Event(), []
    before = threading.enumerate()
    thread = HiddenThread(lambda word: (go.wait(10), seen.append(word)), "ran")
    assert threading.enumerate() == before
    thread.join(0.01)
    assert thread.is_alive()
    go.set()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == ["ran"]


def test_code_that_asks_for_its_thread_leaves_no_trace():
    asked, go = threading.Event(), threading.Event()
    before = threading.enumerate()

    def ask():
        threading.current_thread()
        hide()
        asked.set()
        go.wait(10)
        threading.current_thread()

    thread = HiddenThread(ask)
    assert asked.wait(10)
    assert threading.enumerate() == before
    go.set()
    thread.join(10)
    assert threading.enumerate() == before


def test_a_forked_child_has_none():
    go = threading.Event()
    thread = HiddenThread(go.wait)
    child = os.fork()
    if not child:
        thread.join()
        os._exit(thread.is_alive())
    assert os.waitpid(child, 0)[1] == 0
    assert thread.is_alive()
    go.set()
    thread.join(10)
