"""Numbers from arrays: neighbours, hierarchies, embeddings, similarities. Usable as a library; no torch, no textual."""

from deepeyes_tui.analysis.carry import carry_positions
from deepeyes_tui.analysis.filter_map import embed_similarities
from deepeyes_tui.analysis.hierarchy import Hierarchy, Scale, Stopped, Subset, build_hierarchy
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.procrustes import align
from deepeyes_tui.analysis.purity import label_purity
from deepeyes_tui.analysis.quality import projection_quality
from deepeyes_tui.analysis.redundancy import effective_filters, redundant_groups
from deepeyes_tui.analysis.refresh import refresh
from deepeyes_tui.analysis.similarity import JaccardSums, weighted_jaccard
from deepeyes_tui.analysis.tsne import embed_points

__all__ = [
    "Hierarchy",
    "JaccardSums",
    "Scale",
    "Stopped",
    "Subset",
    "align",
    "build_hierarchy",
    "carry_positions",
    "effective_filters",
    "embed_points",
    "embed_similarities",
    "label_purity",
    "nearest_neighbors",
    "projection_quality",
    "redundant_groups",
    "refresh",
    "weighted_jaccard",
]
