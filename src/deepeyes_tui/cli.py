"""The commands. Nothing here imports torch; the viewer is imported only where a screen is shown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from deepeyes_tui._version import __version__
from deepeyes_tui.ctl import add_actions, control
from deepeyes_tui.exporting.options import add_export_options
from deepeyes_tui.link.errors import LaunchError, RunError, SettingsError
from deepeyes_tui.link.launch import (
    Launched,
    become_script,
    follow_headless,
    is_under_launcher,
    run_unwatched,
    start_script,
)
from deepeyes_tui.link.runs import WHICH_RUN, Run, clean_name, find_run, sweep
from deepeyes_tui.link.script_options import ScriptOptions, add_script_options, read_options
from deepeyes_tui.link.settings import CHOICES, ViewOptions, load_options, parse_size
from deepeyes_tui.removing import add_remove_options, remove

DEMO = "deepeyes_tui.demo.train"


class UsageError(Exception):
    """What cannot be done as it was asked for, in a sentence that says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    _give_streams()
    parser = build_parser()
    options = parser.parse_args(argv)
    try:
        status = int(options.act(options))
        sys.stdout.flush()
        return status
    except (UsageError, LaunchError, RunError, SettingsError) as error:
        print(f"deepeyes: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("deepeyes: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _read_by_nobody()
    return 1


def _give_streams() -> None:
    """Print to nowhere where the caller has closed a stream (`deepeyes ls >&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115


def _read_by_nobody() -> None:
    """Let what is left to print go nowhere: the reader of our output has gone (`deepeyes ls | head -1`)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="deepeyes", description="Look inside a PyTorch network while it trains.")
    parser.add_argument("--version", action="version", version=f"deepeyes_tui {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_run(commands)
    _add_attach(commands)
    _add_replay(commands)
    _add_ls(commands)
    _add_rm(commands)
    _add_export(commands)
    _add_report(commands)
    _add_ctl(commands)
    doctor = _command(commands, "doctor", _doctor, "what this terminal and this torch can do", "deepeyes doctor")
    doctor.set_defaults(act=_doctor)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(
    commands: Commands, name: str, act: Callable[[argparse.Namespace], int], summary: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(act=act)
    return parser


def _add_demo(commands: Commands) -> None:
    example = "deepeyes demo --steps 2000 --data ~/mnist.npz"
    demo = _command(commands, "demo", _demo, "train LeNet on real MNIST digits and watch it", example)
    length = demo.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, metavar="N", help="optimizer steps (5000)")
    length.add_argument("--epochs", type=_positive, metavar="N", help="passes through the training set")
    demo.add_argument("--seed", type=int, metavar="N", help="of weights and shuffling (0)")
    demo.add_argument("--device", help="cpu, cuda, cuda:1 ... (cuda when there is one)")
    demo.add_argument("--data", type=Path, metavar="PATH", help="full MNIST: an .npz, or the folder with the IDX files")
    _add_start_options(demo)


def _add_run(commands: Commands) -> None:
    example = "deepeyes run train.py --lr 0.1    (options of deepeyes go before the script)"
    run = _command(commands, "run", _run, "run a training script as it is, and watch what it trains", example)
    run.usage = "deepeyes run [options] SCRIPT [ARGS ...]\n       deepeyes run [options] -m MODULE [ARGS ...]"
    _add_start_options(run)
    add_script_options(run)
    run.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module, as in python -m")
    run.add_argument("script", metavar="SCRIPT", help="unmodified; where it calls deepeyes_tui.watch, that counts")
    run.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="the script's own")


def _add_attach(commands: Commands) -> None:
    attach = _command(commands, "attach", _attach, "watch a run that is under way", "deepeyes attach demo --once")
    _add_looking_on(attach)


def _add_replay(commands: Commands) -> None:
    replay = _command(commands, "replay", _replay, "go through a recorded run", "deepeyes replay demo --step 1000")
    _add_looking_on(replay)
    replay.add_argument("--step", type=_step, metavar="N", help="to begin with (the last one)")


def _add_looking_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", metavar="RUN", help=WHICH_RUN)
    _add_view_options(parser)
    parser.add_argument("--beside", metavar="OTHER", help="another run, its curves and numbers beside those of RUN")
    parser.add_argument("--once", action="store_true", default=None, help="print one frame and leave")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of that frame, as in 120x40")
    parser.add_argument("--text", action="store_true", default=None, help="with --once: the pane as text, all of it")


def _add_ls(commands: Commands) -> None:
    listing = _command(commands, "ls", _ls, "list the runs, live and ended", "deepeyes ls --json")
    listing.add_argument("runs", nargs="*", metavar="RUN", help="these alone (all)")
    listing.add_argument("--json", action="store_true", help="as one JSON array")


def _add_rm(commands: Commands) -> None:
    summary = "remove runs that are over (asks)"
    add_remove_options(_command(commands, "rm", remove, summary, "deepeyes rm --older 30d --dry-run"))


def _add_export(commands: Commands) -> None:
    summary = "write what is known of a run to files: csv, json, parquet, tensorboard, pictures of views"
    example = "deepeyes export demo --format csv --what layers --output numbers"
    add_export_options(_command(commands, "export", _export, summary, example), _step, _size)


def _add_report(commands: Commands) -> None:
    summary = "say what is found in a run: stable layers, dead filters, what goes undetected, what is not needed"
    found = _command(commands, "report", _report, summary, "deepeyes report demo --layer conv2")
    found.add_argument("run", nargs="?", metavar="RUN", help=WHICH_RUN)
    found.add_argument("--json", action="store_true", help="as one JSON object")
    found.add_argument("--layer", metavar="LAYER", help="of one layer alone, by its name")


def _add_ctl(commands: Commands) -> None:
    summary = "steer a run: pause, prune, grow, retune, undo, save, or ask how it stands"
    add_actions(_command(commands, "ctl", control, summary, "deepeyes ctl demo prune conv1 3,7,11-14"))


def _add_start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="of the run; a taken one gets a number")
    parser.add_argument("--headless", action="store_true", help="train without a screen: nohup, Slurm, CI")
    _add_view_options(parser)


def _add_view_options(parser: argparse.ArgumentParser) -> None:
    view = parser.add_argument_group("the screen")
    view.add_argument("--color", choices=CHOICES["color"], help="colour depth (auto)")
    view.add_argument("--theme", choices=CHOICES["theme"], help="colours (dark)")
    view.add_argument("--glyphs", choices=CHOICES["glyphs"], help="characters to draw with (auto)")
    view.add_argument("--max-kbps", type=int, metavar="N", help="kilobytes a second to the terminal, at most")
    view.add_argument("--pane", help='to begin with, as in "Input Map", input-map, or its number')
    view.add_argument("--layer", help="to begin with, by its name")
    view.add_argument("--readonly", action="store_true", default=None, help="look on: send no commands")


def _demo(options: argparse.Namespace) -> int:
    if options.data is not None and not options.data.exists():
        raise UsageError(f"there is no data at {options.data}: give an .npz file or the folder with the IDX files")
    arguments = [DEMO]
    for name in ("steps", "epochs", "seed", "device", "data"):
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name}", str(value.resolve() if isinstance(value, Path) else value)]
    return _start(options, arguments, name=options.name or "demo", module=True)


def _run(options: argparse.Namespace) -> int:
    target = Path(options.script)
    name = options.script.rpartition(".")[2] if options.module else target.stem
    arguments, told = [options.script, *options.arguments], read_options(options)
    if is_under_launcher():
        become_script(arguments, module=options.module, options=told)
    return _start(options, arguments, name=options.name or clean_name(name), module=options.module, told=told)


def _start(
    options: argparse.Namespace,
    arguments: Sequence[str],
    *,
    name: str,
    module: bool,
    told: ScriptOptions | None = None,
) -> int:
    if options.headless:
        return _train_headless(arguments, name, module, told)
    view_options = _view_options(options)
    launched = start_script(arguments, name=name, module=module, options=told)
    return _show(launched.run, view_options, launched)


def _train_headless(arguments: Sequence[str], name: str, module: bool, told: ScriptOptions | None) -> int:
    """Train; where there is no room for a run, unwatched: a job must not be lost for its monitor."""
    keep_input = told is not None and sys.stdin is not None and not sys.stdin.isatty()
    try:
        launched = start_script(arguments, name=name, module=module, options=told, keep_input=keep_input, shown=True)
    except RunError as error:
        print(f"deepeyes: {error}. Training goes on without it.", file=sys.stderr)
        return run_unwatched(arguments, module=module)
    return follow_headless(launched)


def _attach(options: argparse.Namespace) -> int:
    view_options = _view_options(options)
    sweep()
    return _show(find_run(options.run), view_options, None)


def _replay(options: argparse.Namespace) -> int:
    view_options = _view_options(options)
    sweep()
    return _show(find_run(options.run), view_options, None, recorded=True)


def _view_options(options: argparse.Namespace) -> ViewOptions:
    names = (
        "color",
        "theme",
        "glyphs",
        "max_kbps",
        "readonly",
        "once",
        "size",
        "pane",
        "layer",
        "text",
        "step",
        "beside",
    )
    view_options = load_options({name: getattr(options, name, None) for name in names})
    if not view_options.once and not (sys.stdin.isatty() and sys.stdout.isatty()):
        instead = "--headless" if hasattr(options, "headless") else "--once"
        raise UsageError(f"a screen needs a terminal, and input or output is none here: use {instead}")
    return view_options


def _show(run: Run, options: ViewOptions, launched: Launched | None, recorded: bool = False) -> int:
    from deepeyes_tui.app.main import print_once, view

    if options.once:
        return print_once(run, options=options, recorded=recorded)
    return view(run, options=options, launched=launched, recorded=recorded)


def _ls(options: argparse.Namespace) -> int:
    from deepeyes_tui.listing import print_runs

    return print_runs(options.runs, as_json=options.json)


def _export(options: argparse.Namespace) -> int:
    from deepeyes_tui.exporting.command import export

    return export(options)


def _report(options: argparse.Namespace) -> int:
    from deepeyes_tui.findings.report import report

    return report(options)


def _doctor(_: argparse.Namespace) -> int:
    from deepeyes_tui.doctor import examine

    return examine()


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a positive number is needed, not {text!r}")
    return int(text)


def _step(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a step is a number from 0 on, not {text!r}")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    try:
        return parse_size(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: 120x40, from 10x3 to 1000x500") from None
