"""Parts of the benchmark of pruning: the tools, how their cuts are judged, what they cost."""
