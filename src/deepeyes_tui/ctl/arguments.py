"""The grammar of `deepeyes ctl RUN ACTION ...`: a parser for each of the table in `verbs`."""

from __future__ import annotations

import argparse
import math
from typing import Any, NoReturn

from deepeyes_tui.ctl import orders
from deepeyes_tui.ctl.verbs import VERBS, Read, Verb
from deepeyes_tui.link.messages import SURGERY


class ActionParser(argparse.ArgumentParser):
    """Takes options anywhere between its arguments, and says what is wrong in one sentence."""

    read: Read | None = None
    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all there is, and turn it into `namespace.order`."""
        if self._within or self.read is None:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            found, rest = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False
        if rest:
            self.error(f"{' '.join(rest)!r} is not understood")
        try:
            found.order = self.read(found)
        except ValueError as error:
            self.error(str(error))
        return found, []

    def error(self, message: str) -> NoReturn:
        """Leave with a sentence."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def add_actions(ctl: argparse.ArgumentParser) -> None:
    """Add RUN, the options and all actions to the parser of `deepeyes ctl`."""
    ctl.add_argument("run", metavar="RUN", help="as `deepeyes ls` names it")
    _add_common(ctl, json=False, timeout=None)
    actions = ctl.add_subparsers(title="actions", required=True, metavar="ACTION", parser_class=ActionParser)
    for verb in VERBS:
        _add_verb(actions, verb)
    _add_plan(actions)


def _add_verb(actions: Any, verb: Verb, before: str = "", **defaults: Any) -> None:
    example = f"example: deepeyes ctl demo {before}{verb.example}"
    description = verb.summary[0].upper() + verb.summary[1:] + "."
    parser: ActionParser = actions.add_parser(verb.name, help=verb.summary, description=description, epilog=example)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.read = verb.read
    verb.add(parser)
    parser.set_defaults(**defaults)
    _add_common(parser)


def _add_plan(actions: Any) -> None:
    """Add `plan ACTION ...`, which is `ACTION ... --dry-run`."""
    summary = "say what one of them would do, and do nothing: " + ", ".join(SURGERY)
    example = "example: deepeyes ctl demo plan prune conv1 3,7,11-14"
    plan = actions.add_parser("plan", help=summary, description=summary.capitalize() + ".", epilog=example)
    _add_common(plan)
    planned = plan.add_subparsers(title="actions", required=True, metavar="ACTION", parser_class=ActionParser)
    for verb in VERBS:
        if verb.name in SURGERY:
            _add_verb(planned, verb, "plan ", dry_run=True)


def _add_common(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """Add what every action takes; an action's own parser leaves alone what was given before it."""
    quiet = argparse.SUPPRESS
    json = "answer with one JSON object"
    parser.add_argument("--json", action="store_true", default=defaults.get("json", quiet), help=json)
    time = f"seconds to wait for the answer ({orders.WAIT:g}, with surgery {orders.WAIT_FOR_SURGERY:g})"
    default = defaults.get("timeout", quiet)
    parser.add_argument("--timeout", type=_seconds, default=default, metavar="S", help=time)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"a time in seconds is needed, not {text!r}")
    return seconds
