"""A training spread over processes: each rank watches, rank 0 shows all of them together."""
