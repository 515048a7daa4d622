"""`deepeyes ctl`: commands to a run, from the shell and from scripts."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import Any

from deepeyes_tui.link.client import ControlClient
from deepeyes_tui.link.errors import ControlError, RunError
from deepeyes_tui.link.messages import Action, Command, Outcome
from deepeyes_tui.link.runs import Run, find_run
from deepeyes_tui.listing import facts


def control(options: argparse.Namespace) -> int:
    """Carry out `deepeyes ctl RUN ACTION`; 0 only where the run did as it was told. Raises RunError."""
    if options.layer is not None and options.action not in (Action.RESET, Action.FOCUS):
        raise RunError(f"{options.action} takes no further argument")
    run = find_run(options.run)
    if options.action == Action.STATUS:
        return _print_status(run, as_json=options.json)
    arguments = {"layer": options.layer} if options.layer is not None else {}
    command = Command(options.action, arguments, sender=f"deepeyes ctl ({_user()})")
    try:
        outcome = ControlClient(run.control).send(command, options.timeout)
    except ControlError as error:
        outcome = Outcome(0, False, str(error))
    _print_outcome(run, outcome, as_json=options.json)
    return 0 if outcome.ok else 1


def _print_status(run: Run, *, as_json: bool) -> int:
    known = facts(run)
    print(json.dumps(known) if as_json else f"{known['name']}: {known['sentence']}, {_figures(known)}")
    return 0


def _print_outcome(run: Run, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"run": run.name, "ok": outcome.ok, "message": outcome.message, "step": outcome.step}))
    else:
        print(f"{run.name}: {outcome.message}", file=sys.stdout if outcome.ok else sys.stderr)


def _figures(known: dict[str, Any]) -> str:
    named = [f"{key} {known[key]:.4g}" for key in ("loss", "accuracy") if known[key] is not None]
    return ", ".join([f"step {known['step']}", *named])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
