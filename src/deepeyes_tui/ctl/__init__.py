"""`deepeyes ctl`: commands to a run, from the shell and from scripts."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import asdict
from time import monotonic, sleep

from deepeyes_tui.ctl.arguments import add_actions
from deepeyes_tui.ctl.board import filters_in_state, structure_on_board
from deepeyes_tui.ctl.condition import may_listen_soon, status_line, why_unheard
from deepeyes_tui.ctl.orders import JOURNAL, Order
from deepeyes_tui.ctl.tables import journal_lines, plan_lines, settings_lines
from deepeyes_tui.link.client import ControlClient
from deepeyes_tui.link.errors import ControlError, MessageError, NobodyListensError
from deepeyes_tui.link.journal import JOURNAL as JOURNAL_FILE
from deepeyes_tui.link.journal import count_missing, read_journal
from deepeyes_tui.link.messages import JSON, SURGERY, Action, Command, Outcome
from deepeyes_tui.link.preview import Preview, Settings
from deepeyes_tui.link.runs import Run, find_run
from deepeyes_tui.listing import facts

__all__ = ["add_actions", "control"]

OF_A_STRUCTURE = frozenset({*SURGERY, Action.UNDO, Action.FREEZE, Action.UNFREEZE})
"""What is meant for the network as it is when the command is given, not for what others make of it meanwhile."""
STARTS_WITHIN, LOOK_EVERY = 5.0, 0.1
"""Seconds to wait for a run that is there to listen: one that trains already does so in a moment."""


def control(options: argparse.Namespace) -> int:
    """Carry out `deepeyes ctl RUN ACTION`; 0 only where the run did as it was told. Raises RunError."""
    run, order = find_run(options.run), options.order
    if order.action == Action.STATUS:
        return _print_status(run, as_json=options.json)
    if order.action == JOURNAL:
        return _print_journal(run, as_json=options.json)
    try:
        outcome = _sent(run, order, options.timeout or order.timeout)
    except (ControlError, MessageError) as error:
        outcome = Outcome(0, False, why_unheard(run, error))
    return _print_outcome(run, order.action, outcome, as_json=options.json)


def _sent(run: Run, order: Order, timeout: float) -> Outcome:
    """Return what becomes of an order. Raises ControlError and RunError."""
    sender, arguments = f"deepeyes ctl ({_user()})", dict(order.arguments)
    if order.states:
        outcome = _heard(run, Command(Action.SETTINGS, sender=sender), timeout)
        if not outcome.ok:
            return outcome
        arguments |= _on_board(run, order, Settings.from_json(outcome.details).structure)
    elif order.action in OF_A_STRUCTURE and (structure := structure_on_board(run)) is not None:
        arguments["structure"] = structure
    return _heard(run, Command(order.action, arguments, sender=sender), timeout)


def _heard(run: Run, command: Command, timeout: float) -> Outcome:
    """Send a command, to a run that is starting as soon as it listens. Raises ControlError and RunError."""
    client, until = ControlClient(run.control), monotonic() + min(timeout, STARTS_WITHIN)
    while True:
        try:
            return client.send(command, timeout)
        except NobodyListensError:
            if monotonic() >= until or not may_listen_soon(run):
                raise
        sleep(LOOK_EVERY)


def _on_board(run: Run, order: Order, structure: int) -> dict[str, JSON]:
    """Return filters read off the board, meant for the structure that the run had before: no other one is cut."""
    found = filters_in_state(run, order.states, order.layers)
    return {"filters": {layer: list(filters) for layer, filters in found.items()}, "structure": structure}


def _print_status(run: Run, *, as_json: bool) -> int:
    print(json.dumps(facts(run)) if as_json else status_line(run))
    return 0


def _print_journal(run: Run, *, as_json: bool) -> int:
    path = run.folder / JOURNAL_FILE
    entries, missing = read_journal(path), count_missing(path)
    if as_json:
        print(json.dumps({"run": run.name, "entries": [asdict(entry) for entry in entries], "missing": missing}))
    else:
        print("\n".join(journal_lines(entries, missing)))
    return 0


def _print_outcome(run: Run, action: str, outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        known = {"run": run.name, "ok": outcome.ok, "message": outcome.message, "step": outcome.step}
        print(json.dumps({**known, "details": dict(outcome.details)}))
    elif outcome.ok:
        print(_answer(run, action, outcome))
    else:
        print(f"{run.name}: {outcome.message}", file=sys.stderr)
    return 0 if outcome.ok else 1


def _answer(run: Run, action: str, outcome: Outcome) -> str:
    """Return the answer in full where it is a plan or the settings, else its sentence."""
    try:
        if action == Action.PLAN:
            return "\n".join(plan_lines(Preview.from_json(outcome.details)))
        if action == Action.SETTINGS:
            return "\n".join(settings_lines(Settings.from_json(outcome.details)))
    except MessageError as error:
        return f"{run.name}: {outcome.message} ({error})"
    return f"{run.name}: {outcome.message}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
