"""Scripts as people write them: each prints the same with us as without, and what was seen of it is right."""

import os
from dataclasses import dataclass

import pytest

from deepeyes_tui.link.runs import list_runs
from deepeyes_tui.link.snapshot import RunState
from tests.scripts.running import VARIANTS, both, seen

pytestmark = pytest.mark.process
NETWORK = ("0", "2")
COMPILED = ("body.0", "body.2")


@dataclass(frozen=True)
class Expected:
    """What must be known of a script.

    `loss` is False where it prints another than it learns from, `accuracy` None where it does not matter.
    """

    script: str
    root: str
    steps: int
    layers: tuple[str, ...]
    labels: bool = True
    epoch: float | None = None
    loss: bool = True
    accuracy: bool | None = None
    arguments: tuple[str, ...] = ()
    module: bool = False
    roots: int = 1


EXPECTED = [
    Expected("plain_loop", "net", 18, ("conv1", "conv2", "fc1", "fc2"), epoch=3, accuracy=True),
    Expected("argparse_main", "Sequential", 7, ("0", "3"), arguments=("--steps", "7", "--lr", "0.5")),
    Expected("amp_scaler", "model", 5, NETWORK),
    Expected("bfloat16", "model", 5, ("0", "4")),
    Expected("accumulation", "model", 5, NETWORK),
    Expected("checkpointing", "model", 4, ("blocks.0.lin", "blocks.1.lin", "blocks.2.lin", "head"), labels=False),
    Expected("lbfgs", "model", 4, NETWORK, labels=False),
    Expected("ema", "model", 5, NETWORK),
    Expected("gan", "Generator", 5, ("main.0", "main.2"), labels=False, accuracy=False, roots=2),
    Expected("several_optimizers", "model", 6, ("body", "head")),
    Expected("lstm", "model", 5, ("out",)),
    Expected("transformer", "model", 5, ("h.0.attn.qkv", "h.1.mlp.2", "lm_head")),
    Expected("functional_call", "model", 5, NETWORK),
    Expected("jit_trace", "model", 4, ("0", "3")),
    Expected("saves_model", "model", 3, ("fc",)),
    Expected("workers", "Sequential", 2, ("0", "3"), arguments=("fork",), epoch=1),
    Expected("workers", "Sequential", 2, ("0", "3"), arguments=("spawn",), epoch=1),
    Expected("evaluates", "model", 12, ("0", "3"), epoch=3),
    Expected("variants.package.train", "Regressor", 5, ("layers.0", "layers.2"), labels=False, module=True),
    Expected("notebook", "hidden", 6, ("Linear",), roots=2),
    Expected("trainer", "trainer.model", 6, NETWORK),
    Expected("contrastive", "encoder", 4, ("0", "3"), epoch=1),
    Expected("reinforce", "policy", 4, ("affine", "action_head"), labels=False),
    Expected("vae", "model", 5, ("fc1", "mu", "logvar", "fc3", "fc4"), labels=False),
    Expected("unet", "model", 4, ("down1.0", "down2.0", "up", "last"), labels=False),
    Expected("frozen_backbone", "model", 4, ("conv1", "fc")),
    Expected("custom_function", "model", 4, ("a", "b")),
    Expected("dataclass_output", "model", 4, ("encoder", "classifier")),
    Expected("double_precision", "model", 5, NETWORK, labels=False),
    Expected("teacher_student", "student", 5, NETWORK),
    Expected("actor_critic", "actor", 24, NETWORK, labels=False, roots=2),
    Expected("held_loss", "model", 3, ("fc",)),
    Expected("main_classes", "net", 3, ("fc",), labels=False),
    Expected("deep", "model", 3, ("layer",)),
    Expected("two_in_turn", "Linear", 20, ("Linear",)),
    Expected("compiled", "run", 4, COMPILED, arguments=("module",), epoch=1),
    *(
        Expected("compiled", "model", 4, COMPILED, arguments=(how,), epoch=1)
        for how in ("in_place", "loss", "function")
    ),
]


def run_both(nurseries, tmp_path, script, arguments=(), module=False, **more):
    """Run a script as it is and watched, both at once."""
    target = script if module else VARIANTS / f"{script}.py"
    environment = {name: os.environ[name] for name in ("DEEPEYES_HOME", "DEEPEYES_LIVE")}

    def run_one(watched):
        return nurseries[watched].run(
            target,
            arguments,
            watched=watched,
            folder=tmp_path / f"watched-{watched}",
            module=module,
            environment=environment,
            **more,
        )

    return both(run_one)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda e: "-".join([e.script, *e.arguments[:1]]))
def test_a_script_is_watched_as_it_is(nurseries, tmp_path, expected):
    plain, watched = run_both(nurseries, tmp_path, expected.script, expected.arguments, expected.module)
    assert (plain.status, plain.err) == (0, "") or plain.err.count("Warning")
    assert (watched.status, watched.out) == (plain.status, plain.out), watched.err
    snapshot = seen()
    status = snapshot.status
    assert (status.state, status.step, status.root) == (RunState.FINISHED, expected.steps, expected.root)
    assert len(status.roots) == expected.roots
    assert set(expected.layers) <= {layer.name for layer in snapshot.layers}
    numbers = [number for number, layer in enumerate(snapshot.layers) if layer.name in expected.layers]
    assert expected.arguments[:1] in [("module",), ("in_place",), ("function",)] or all(
        snapshot.layer(number).has_run for number in numbers
    )
    assert ("labels from" in status.summary) == expected.labels
    assert f" {len(snapshot.layers)} layer" in status.summary
    assert (
        status.epoch == pytest.approx(expected.epoch, nan_ok=True) if expected.epoch else status.epoch != status.epoch
    )
    assert expected.accuracy in (None, "accuracy" in snapshot.series)
    if expected.loss:
        assert status.loss == pytest.approx(watched.loss, rel=1e-5)
    assert f"deepeyes: {status.summary}" in watched.err
    assert not [notice for notice in status.notices if "error" in notice]


@pytest.mark.parametrize(
    ("script", "why"),
    [("purely_functional", "belongs to no torch.nn.Module"), ("func_grad", "made no optimizer of torch.optim")],
)
def test_where_there_is_nothing_to_see_it_says_why(nurseries, tmp_path, script, why):
    plain, watched = run_both(nurseries, tmp_path, script)
    assert (watched.status, watched.out) == (0, plain.out)
    assert why in watched.err
    assert list_runs() == []


def test_a_script_that_calls_watch_knows_better(nurseries, tmp_path):
    plain, watched = run_both(nurseries, tmp_path, "calls_watch")
    assert (watched.status, watched.out) == (0, plain.out)
    snapshot = seen("calls_watch")  # that is what it makes without us
    assert (snapshot.labels, snapshot.status.step, snapshot.status.roots) == (("no", "yes"), 5, ())


def test_losses_of_trainings_in_two_threads_are_not_mixed_up(nurseries, tmp_path):
    plain, watched = run_both(nurseries, tmp_path, "two_threads")
    assert (watched.status, watched.out) == (0, plain.out)
    snapshot = seen()
    root, other = ("small", "large") if snapshot.status.root == "small" else ("large", "small")
    for name, curve in ((root, "loss"), (other, f"loss_{other}")):
        losses = snapshot.series[curve].value
        assert len(losses) > 20
        settled = losses[len(losses) // 2 :]  # which of the two is watched may change while both begin
        assert ((settled > 1e5) == (name == "large")).all()
