"""Models that are run without anybody noticing, what stands around them, and what trains them."""
