"""The lines of the table: what must be met, what was measured, and beside what."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from projections.data import write_digits
from projections.running import Job, Results, busy_neighbours, interleave


@dataclass(frozen=True)
class Row:
    """One row: `met` is None where nothing is asked, or nothing could be measured."""

    line: str
    must: str
    measured: str
    beside: str = ""
    ratio: str = ""
    met: bool | None = None


@dataclass
class Bench:
    """The data in a folder, and every comparison that more than one line is drawn from, made once."""

    folder: Path
    source: Path | None
    quick: bool
    rounds: int
    wanted: list[int]
    _compared: dict[str, tuple[Results, Results]] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> list[int]:
        return write_digits(self.folder, self.source, [5000] if self.quick else sorted(self.wanted))

    @property
    def large(self) -> list[int]:
        """The sizes that speed is asked of; quickly, what there is."""
        return [size for size in self.sizes if size > 5000] or self.sizes

    @property
    def middle(self) -> str:
        """The data of lines with one size."""
        return self.path(f"mnist{20000 if 20000 in self.sizes else self.sizes[0]}")

    @cached_property
    def layers(self) -> list[str]:
        instances = 5000 if self.quick else 20000
        arguments = {"folder": str(self.folder), "source": str(self.source or "") or None, "instances": instances}
        return ["conv2", "fc1"] if interleave([Job("our_layers", arguments)], 1)[0] else []

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def compared(self, name: str) -> tuple[Results, Results]:
        """Return our and nptsne's hierarchies and pictures of one data set."""
        if name not in self._compared:
            data = {"data": self.path(name), "out": self.path(name)}
            ours, theirs = interleave([Job("our_hierarchy", data), Job("nptsne_hierarchy", data)], self.rounds)
            self._compared[name] = ours, theirs
        return self._compared[name]

    def alone(self, name: str, *, environment: dict[str, str] | None = None, **arguments: object) -> Results:
        return interleave([Job(name, dict(arguments), environment=environment or {})], self.rounds)[0]


def timed(line: str, must: str, ours: Results, key: str, theirs: Results, least: float) -> Row:
    """Return a row of seconds, to be at least so many times faster than nptsne."""
    if not ours or not theirs:
        return Row(line, must, shown(ours, key), "nptsne " + shown(theirs, key))
    ratio = theirs[key] / ours[key]
    counts = f" ({ours['landmarks']:.0f})", f" ({theirs['landmarks']:.0f})"
    noted = counts if key == "embed" else ("", "")
    measured, beside = shown(ours, key) + noted[0], f"nptsne {shown(theirs, key)}{noted[1]}"
    return Row(line, must, measured, beside, f"{ratio:.1f} x", ratio >= least)


def shown(results: Results, key: str, unit: str = " s") -> str:
    return f"{results[key]:.3g}{unit}" if results else results.why


def at_most(line: str, results: Results, key: str, limit: float, beside: str = "", note: str = "") -> Row:
    """Return a row of seconds, to be at most so many."""
    met = results[key] <= limit if results else None
    ratio = f"{results[key] / limit:.2f}" if results else ""
    return Row(line, f"{limit:g} s", shown(results, key) + note, beside, ratio, met)


def hierarchy(bench: Bench) -> list[Row]:
    least = {60000: 5.0}
    return [
        timed(
            f"hierarchy, 3 scales, {size}",
            f"{least.get(size, 4):g} x faster",
            *_pair(bench, size, "build"),
            least.get(size, 4),
        )
        for size in bench.large
    ]


def top(bench: Bench) -> list[Row]:
    return [
        timed(f"top scale, 1000 iterations, {size} (landmarks)", "8 x faster", *_pair(bench, size, "embed"), 8)
        for size in bench.large
    ]


def _pair(bench: Bench, size: int, key: str) -> tuple[Results, str, Results]:
    ours, theirs = bench.compared(f"mnist{size}")
    return ours, key, theirs


def first_picture(bench: Bench) -> list[Row]:
    rows = []
    for size in bench.large:
        data = {"data": bench.path(f"mnist{size}")}
        ours = interleave([Job("our_first_picture", data)], bench.rounds + 1)[0]  # the first one fills the cache
        ours.runs = ours.runs[1:]
        rivals = [] if bench.quick else ["opentsne_picture", "umap_picture"]
        theirs = [interleave([Job(name, data)], 1)[0] for name in rivals]
        beside = ", ".join(
            f"{name.split('_')[0]} {shown(r, 'finished')}" for name, r in zip(rivals, theirs, strict=True)
        )
        note = f" (first frame {shown(ours, 'frame')})" if ours else ""
        limit = 8 if size == 60000 else 3
        rows.append(at_most(f"process start to finished picture, {size}", ours, "finished", limit, beside, note))
    return rows


def refresh(bench: Bench) -> list[Row]:
    with_new = [24000] if not bench.quick and write_digits(bench.folder, bench.source, [24000]) else bench.sizes[:1]
    ours = bench.alone("our_refresh", data=bench.path(f"mnist{with_new[0]}"))
    note = f"; {ours['stayed']:.0%} of the landmarks stayed, with 50 iterations {ours['all']:.2f} s" if ours else ""
    count = f"{ours['count']:.0f}" if ours else ""
    return [at_most(f"refresh of {count} x 128, warm", ours, "refresh", 0.8, note=note)]


def drill_in(bench: Bench) -> list[Row]:
    ours = bench.alone("our_drill_in", data=bench.middle, wanted=1100)
    note = f" ({ours['points']:.0f} points)" if ours else ""
    return [
        at_most("drill in: first frame", ours, "frame", 0.05, note=note),
        at_most("drill in: 500 iterations", ours, "all", 0.3, note=note),
    ]


def first_compile(bench: Bench) -> list[Row]:
    with tempfile.TemporaryDirectory() as cache:
        job = Job("our_compile", {}, environment={"NUMBA_CACHE_DIR": cache})
        return [at_most("first compile ever", interleave([job], 1)[0], "seconds", 15)]


def beside_training(bench: Bench) -> list[Row]:
    """Whole runs with and without the neighbours in turn."""
    job, quiet, loaded = Job("our_hierarchy", {"data": bench.middle, "out": bench.path("busy")}), Results(), Results()
    for _ in range(bench.rounds):
        quiet.runs += interleave([job], 1)[0].runs
        with busy_neighbours():
            loaded.runs += interleave([job], 1)[0].runs
    if not quiet or not loaded:
        return [Row("two busy threads beside it", "2.5 x", "failed")]
    seconds = [sum(r[key] for key in ("build", "embed")) for r in (quiet, loaded)]
    ratio = seconds[1] / seconds[0]
    measured, alone = f"{seconds[1]:.2f} s", f"alone {seconds[0]:.2f} s"
    return [
        Row(
            f"two busy threads beside it, {Path(bench.middle).name}",
            "2.5 x alone",
            measured,
            alone,
            f"{ratio:.2f} x",
            ratio <= 2.5,
        )
    ]


def kept(bench: Bench) -> list[Row]:
    rows = []
    for size in bench.sizes:
        ours, theirs = bench.compared(f"mnist{size}")
        data = bench.path(f"mnist{size}")
        same = (
            interleave([Job("opentsne_landmarks", {"data": data, "ids": f"{data}.ids.npy"})], 1)[0]
            if ours
            else Results()
        )
        met = ours["kept"] >= max(theirs["kept"] + 0.10, 0.95 * same["kept"]) if ours and theirs and same else None
        beside = f"nptsne {shown(theirs, 'kept', '')}, openTSNE {shown(same, 'kept', '')}"
        ratio = f"{ours['kept'] / same['kept']:.3f}" if ours and same else ""
        must = "nptsne + 0.10, 0.95 of openTSNE"
        rows.append(Row(f"10-NN kept on landmarks, {size}", must, shown(ours, "kept", ""), beside, ratio, met))
    return rows


def not_below(line: str, key: str, margin: float = 0.0) -> Callable[[Bench], list[Row]]:
    """Return a line on which ours is not to be below nptsne's."""

    def rows(bench: Bench) -> list[Row]:
        found = []
        for size in bench.large:
            ours, theirs = bench.compared(f"mnist{size}")
            met = ours[key] >= theirs[key] - margin if ours and theirs else None
            measured, beside = (f"{r[key]:.4f}" if r else r.why for r in (ours, theirs))
            found.append(Row(f"{line}, {size}", "not below nptsne", measured, f"nptsne {beside}", "", met))
        return found

    return rows


def invariants(bench: Bench) -> list[Row]:
    data = {"data": bench.middle, "out": bench.path("threads")}
    jobs = [Job("our_hierarchy", data, environment={"NUMBA_NUM_THREADS": threads}) for threads in ("1", "2")]
    one, two = interleave(jobs, 1)
    if not one or not two:
        return [Row("invariants", "hold", one.why or two.why)]
    wrong = one.first("wrong") + two.first("wrong")
    same = one.first("digest") == two.first("digest")
    return [
        Row("rows sum to 1, diagonal 0, weights to N", "yes", ", ".join(wrong) or "yes", met=not wrong),
        Row("same bits with 1 and 2 threads", "yes", "yes" if same else "no", met=same),
    ]


def own_layers(bench: Bench) -> list[Row]:
    rows = []
    for name in bench.layers:
        ours, theirs = bench.compared(name)
        rows.append(timed(f"LeNet {name}: hierarchy", "4 x faster", ours, "build", theirs, 4))
        rows.append(timed(f"LeNet {name}: top scale (landmarks)", "8 x faster", ours, "embed", theirs, 8))
        met = ours["kept"] >= theirs["kept"] + 0.10 if ours and theirs else None
        beside = f"nptsne {shown(theirs, 'kept', '')}"
        rows.append(Row(f"LeNet {name}: 10-NN kept", "nptsne + 0.10", shown(ours, "kept", ""), beside, "", met))
    return rows


def neighbours(bench: Bench) -> list[Row]:
    data = {"data": bench.middle}
    rivals = [] if bench.quick else [Job("pynndescent_neighbours", data)]
    ours, *theirs = interleave([Job("our_neighbours", data), *rivals], bench.rounds)
    beside = "".join(
        f"pynndescent {shown(r, 'seconds')}, first {shown(r, 'first')}, recall {shown(r, 'recall', '')}" for r in theirs
    )
    return [
        Row(
            f"30 neighbours, {Path(bench.middle).name}; recall of 10",
            "",
            f"{shown(ours, 'seconds')}; {shown(ours, 'recall', '')}",
            beside,
        )
    ]


def filter_map(bench: Bench) -> list[Row]:
    rows = []
    for filters, update, whole in ((50, 0.00001, None), (512, 0.00016, 0.2), (4096, 0.01, 3.0)):
        ours = bench.alone("our_filter_map", filters=filters)
        rows.append(at_most(f"weighted Jaccard, batch of 32, {filters} filters", ours, "update", update))
        note = f"; {ours['difference']:.0e} from float64" if ours else ""
        rows.append(Row(f"weighted Jaccard, 1024 instances, {filters} filters", "", shown(ours, "similarity") + note))
        if whole:
            rows.append(at_most(f"Filter Map, {filters} filters", ours, "map", whole))
    return rows


def quality(bench: Bench) -> list[Row]:
    ours = bench.alone("our_quality", data=bench.path(f"mnist{bench.sizes[0]}"))
    note = f", {shown(ours, 'measuring')} without distances" if ours else ""
    beside = f"scikit-learn {shown(ours, 'theirs')}"
    difference = f"{ours['difference']:.0e}" if ours else ""
    met = ours["difference"] <= 1e-5 if ours else None
    return [
        Row("quality of 1000 points", "1e-5 from scikit-learn", shown(ours, "seconds") + note, beside, difference, met)
    ]


LINES: dict[str, Callable[[Bench], list[Row]]] = {
    "hierarchy": hierarchy,
    "top": top,
    "first-picture": first_picture,
    "refresh": refresh,
    "drill-in": drill_in,
    "compile": first_compile,
    "busy": beside_training,
    "kept": kept,
    "trustworthiness": not_below("trustworthiness on landmarks", "trustworthiness"),
    "label": not_below("label of an instance by its heaviest landmark", "label"),
    "invariants": invariants,
    "layers": own_layers,
    "neighbours": neighbours,
    "filters": filter_map,
    "quality": quality,
}
