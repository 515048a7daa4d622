"""Surgery on command, in the training thread between two steps: plan, checkpoint, cut, journal, or nothing at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.link.messages import JSON, SURGERY, Action, Command
from deepeyes_tui.probe.consent import Consent
from deepeyes_tui.probe.diary import Deed, Diary
from deepeyes_tui.probe.holding import ModelReference, lightly, still
from deepeyes_tui.probe.layers import find_layers, unwrap
from deepeyes_tui.probe.operations import MakePlan, Operation, operation
from deepeyes_tui.probe.previewing import preview, sizes
from deepeyes_tui.probe.renumbering import Renumbering, inverse, renumbering, then
from deepeyes_tui.probe.steering import Answer, Handler
from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.copies import find_copies
from deepeyes_tui.surgery.guard import check_can_cut, check_graph, check_states
from deepeyes_tui.surgery.keeping.checkpoint import KEPT, write_checkpoint
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.rehearsal import carried_out, output_change, runs_on
from deepeyes_tui.surgery.retuning.freezing import filter_freezes
from deepeyes_tui.surgery.running.kept_tensors import find_kept_tensors, kept_warning
from deepeyes_tui.surgery.running.optimizers import find_optimizers
from deepeyes_tui.surgery.sample import Sample
from deepeyes_tui.surgery.undo import Applied

CHECKPOINTS, SAVED = "checkpoints", "saved"
"""Folders of the run: the newest ones before surgery, and all that were asked for."""
MOST_KEPT = 1 << 24
"""Bytes of a batch that is kept as a whole."""
FollowBack = Callable[[], None]
Reshaped = Callable[[Renumbering, bool], None]
"""Called when the model has another shape, with what became of its filters, and whether modules came or went."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Plans that follow one another, what they make of the filters, what takes that back, the change of the output."""

    plans: tuple[Plan, ...]
    change: Renumbering
    back: Renumbering
    output_change: float


@dataclass(frozen=True, slots=True)
class Act:
    """Surgery that was carried out: its number in the journal, what takes it back, and what frozen filters do then."""

    number: int
    deed: Deed
    applied: tuple[Applied, ...]
    back: Renumbering
    follow_back: tuple[FollowBack, ...]


class Surgeon:
    """`sample` is a batch of the training, None before there was one; `loss` that of the step, while commands are
    carried out; `consent` that of the other processes of the training.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None,
        folder: Path,
        diary: Diary,
        reshaped: Reshaped,
        structure: Callable[[], int],
    ) -> None:
        self.sample: Sample | None = None
        self.loss: object = None
        self.consent = Consent()
        self._whole: Sample | None = None
        self._reference, self._optimizer = ModelReference(model), lightly(optimizer)
        self._folder, self._diary, self._reshaped = folder, diary, reshaped
        self._structure = structure
        self._acts: list[Act] = []

    @property
    def model(self) -> nn.Module:
        """The model. Raises ValueError where the script has dropped it."""
        return self._reference.needed()

    @property
    def structure(self) -> int:
        """The number of the model's structure, by which viewers know it."""
        return self._structure()

    @property
    def last(self) -> str:
        """What an undo would take back; nothing if there is nothing."""
        return self._acts[-1].deed.sentence if self._acts else ""

    def keep_sample(self, batch: Sample) -> None:
        """Keep a copy of a few rows of a batch, and of all of it where that is small, to ask the model with."""
        self.sample = batch.few()
        self._whole = batch.few(sys.maxsize) if batch.size <= MOST_KEPT else None

    def handlers(self) -> Mapping[str, Handler]:
        """Return what carries out the actions of surgery."""
        others: dict[str, Handler] = {Action.PLAN: self._plan, Action.UNDO: self._undo, Action.SAVE: self._save}
        return {**{str(action): self._operate for action in SURGERY}, **others}

    def check_structure(self, seen: JSON) -> None:
        """Raise ValueError where a sender has seen another structure; None: it has looked at none."""
        if seen not in (None, self.structure):
            raise ValueError("the model has changed since you looked at it: look again")

    def optimizers(self) -> list[Optimizer]:
        """Return what trains the model."""
        known = still(self._optimizer)
        return find_optimizers(self.model, [] if known is None else [known])

    def _plan(self, command: Command, step: int) -> Answer:
        wanted = self._wanted(command.arguments.get("action"), command)
        rehearsed = self._rehearse(wanted)
        copies = len(find_copies(self.model)) if wanted.copies else 0
        plans, change = rehearsed.plans, rehearsed.output_change
        found = preview(wanted.title, plans, change, copies, self.structure, self._kept())
        return Answer(f"{wanted.title}: nothing has been done", found.to_json())

    def _operate(self, command: Command, step: int) -> Answer:
        wanted = self._wanted(command.action, command)
        rehearsed = self._rehearse(wanted)
        _check_exact(wanted, rehearsed)
        before, after = sizes(rehearsed.plans)
        deed = Deed(
            command.action,
            step,
            command.sender,
            wanted.title,
            layer=wanted.layer,
            before=f"{before} parameters",
            after=f"{after} parameters",
            plans=rehearsed.plans,
        )
        check_graph(self.loss)
        kept = self._kept()
        self.consent.propose(command, rehearsed.plans)
        self._checkpoint(step)
        with self._entered(deed) as number:
            applied, follow_back = self._apply(wanted, rehearsed.plans)
        self._acts.append(Act(number, deed, applied, rehearsed.back, follow_back))
        self._tell(rehearsed.change, self._rebuilt(applied))
        notes = [*(note for one in applied for note in (*one.notes, *one.plan.warnings)), *kept]
        saved = f"{before} -> {after} parameters"
        return self._said("; ".join([f"{wanted.title} at step {step}: {saved}", *dict.fromkeys(notes)]))

    def _undo(self, command: Command, step: int) -> Answer:
        if not self._acts:
            raise ValueError("there is no surgery to undo")
        self.check_structure(command.arguments.get("structure"))
        act = self._acts[-1]
        title, before, after = act.deed.sentence, act.deed.after, act.deed.before
        deed = Deed(
            command.action,
            step,
            command.sender,
            f"undo {title}",
            layer=act.deed.layer,
            before=before,
            after=after,
            undoes=act.number,
        )
        check_graph(self.loss)
        self.consent.propose(command, ())
        self._checkpoint(step)
        with self._entered(deed):
            _take_back(act.applied, act.follow_back, lambda: self.consent.commit(self.model, act.deed.plans))
        self._acts.pop()
        self._tell(act.back, self._rebuilt(act.applied))
        return self._said(f"undone at step {step}: {title}")

    def _save(self, command: Command, step: int) -> Answer:
        path = self._checkpoint(step, SAVED, None)
        with self._entered(Deed(command.action, step, command.sender, f"save {path.name}")):
            pass
        return Answer(f"saved at step {step}: {path}", {"path": str(path)})

    def _said(self, sentence: str) -> Answer:
        self._diary.say(sentence)
        return Answer(sentence)

    @contextmanager
    def _entered(self, deed: Deed) -> Iterator[int]:
        try:
            with self._diary.writing(deed) as number:
                yield number
        except OSError as error:
            why = error.strerror or error
            raise ValueError(f"nothing was done: the journal of the run cannot be written ({why})") from error

    def _wanted(self, action: JSON, command: Command) -> Operation:
        wanted = operation(action, command.arguments)
        if (plans := self.consent.given) is not None:
            wanted = replace(wanted, makers=tuple(_made(plan) for plan in plans))
        self.check_structure(wanted.structure)
        return wanted

    def _rehearse(self, wanted: Operation) -> Rehearsed:
        """Return the plans, each made for what the ones before it leave; the model is as before."""
        sample, plans, optimizers = self._batch(), list[Plan](), self.optimizers()
        check_can_cut(self.model, optimizers)
        layers = find_layers(unwrap(self.model))
        change: Renumbering = {}
        with ExitStack() as put_back:
            compare = output_change(self.model, sample)
            for make in wanted.makers:
                plan = make(self.model, sample, change)
                if plan is not None:
                    change = then(change, renumbering(plan, find_layers(unwrap(self.model))))
                    put_back.enter_context(carried_out(plan, self.model))
                    plans.append(plan)
            output = plans[0].change if len(plans) == 1 else compare()
        for plan in plans:
            check_states(plan, self.model, optimizers)
        sizes_before = {layer.name: layer.filters for layer in layers}
        return Rehearsed(tuple(plans), change, inverse(change, sizes_before), output)

    def _apply(self, wanted: Operation, plans: Sequence[Plan]) -> tuple[tuple[Applied, ...], tuple[FollowBack, ...]]:
        """Carry out all plans or none; return what takes them back, and what frozen filters do then."""
        optimizers, freezes = self.optimizers(), filter_freezes(unwrap(self.model))
        copies = find_copies(self.model) if wanted.copies else []
        done: list[Applied] = []
        follow_back: list[FollowBack] = []
        try:
            for plan in plans:
                commit = partial(self.consent.commit, self.model, plans) if plan is plans[-1] else None
                one = apply(plan, self.model, optimizers, copies=copies, inexact=wanted.inexact, commit=commit)
                done.append(one)
                follow_back.append(freezes.after(plan))
        except BaseException:
            _take_back(done, follow_back)
            raise
        return tuple(done), tuple(follow_back)

    def _tell(self, change: Renumbering, rebuilt: bool) -> None:
        self._reshaped(change, rebuilt)

    @staticmethod
    def _rebuilt(applied: Sequence[Applied]) -> bool:
        return any(one.plan.replacement is not None for one in applied)

    def _kept(self) -> tuple[str, ...]:
        count = find_kept_tensors(unwrap(self.model))
        return (kept_warning(count),) if count else ()

    def _batch(self) -> Sample:
        if self.sample is None:
            raise ValueError("no batch has been seen yet: wait for the first training step")
        whole, self._whole = self._whole, None
        if whole is not None and not runs_on(self.model, self.sample):
            self.sample = whole  # its rows belong together, as the nodes and edges of a graph do
        return self.sample

    def _checkpoint(self, step: int, folder: str = CHECKPOINTS, keep: int | None = KEPT) -> Path:
        if not self.consent.leads:
            return self._folder
        try:
            return write_checkpoint(self._folder / folder, self.model, self.optimizers(), step, keep=keep)
        except OSError as error:
            why = error.strerror or error
            raise ValueError(f"nothing was done: the checkpoint cannot be written ({why})") from error


def _check_exact(wanted: Operation, rehearsed: Rehearsed) -> None:
    warnings = [warning for plan in rehearsed.plans if not plan.exact for warning in plan.warnings]
    if not wanted.inexact and not all(plan.exact for plan in rehearsed.plans):
        why = f" ({'; '.join(dict.fromkeys(warnings))})" if warnings else ""
        share = f"the output would change by {rehearsed.output_change:.2g} of its largest value"
        raise ValueError(f"not done without being asked for as inexact: {share}{why}")


def _made(plan: Plan) -> MakePlan:
    """Return what makes a plan that was made on another rank; it is checked on this one's own batch."""
    return lambda model, sample, change: replace(plan, sample=sample)


def _take_back(
    applied: Sequence[Applied], follow_back: Sequence[FollowBack], commit: Callable[[], None] | None = None
) -> None:
    """Undo the last first; `commit` is called when that one is undone, and keeps all as it is by raising."""
    for one in reversed(applied):
        one.undo(commit)
        commit = None
    for follow in reversed(follow_back):
        follow()
