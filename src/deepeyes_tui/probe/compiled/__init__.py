"""Models that `torch.compile` has turned into graphs: watched through operators of our own within the graph."""
