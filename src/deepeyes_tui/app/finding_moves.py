"""What keys do in the findings pane: along the findings, to the view that one leads to, to the act that it offers."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import selection as select
from deepeyes_tui.app.bindings import MAPS, ON_BOTH_SCREENS, PaneName
from deepeyes_tui.app.found import finding_here, findings_of
from deepeyes_tui.app.proposals import SENDER
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.messages import Command


def moved(scene: Scene, step: int) -> Scene:
    """Go to another finding."""
    last = max(len(findings_of(scene)) - 1, 0)
    return scene.with_desk(finding=min(max(min(scene.desk.finding, last) + step, 0), last))


def opened(scene: Scene) -> Scene:
    """Go to the view that the finding under the cursor leads to, with its filters marked."""
    finding = finding_here(scene)
    if finding is None:
        return scene
    pane = PaneName(finding.pane)
    on_maps = scene.desk.maps_screen if pane in ON_BOTH_SCREENS else pane in MAPS
    return marked(scene).with_desk(focus=pane, maps_screen=on_maps, large=False)


def marked(scene: Scene) -> Scene:
    """Put the focus on the layer of the finding under the cursor, and mark just the filters that it is about."""
    finding, layers = finding_here(scene), scene.snapshot.layers if scene.snapshot is not None else ()
    names = [info.name for info in layers]
    if finding is None or finding.layer not in names:
        return scene
    selection = select.to_layer(scene.selection, names.index(finding.layer), len(names))
    if finding.filters:
        selection = select.mark_filters(selection, frozenset(finding.filters))
        selection = select.to_filter(selection, finding.filters[0], layers[selection.layer].filters)
    return replace(scene, selection=selection)


def offered(scene: Scene) -> Command | None:
    """Return what the finding under the cursor offers to do; None where it offers nothing."""
    finding = finding_here(scene)
    if finding is None or finding.act is None:
        return None
    return replace(finding.act, sender=SENDER)
