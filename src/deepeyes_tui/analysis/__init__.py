"""Numbers from arrays: neighbours, hierarchies, embeddings, similarities. Usable as a library; no torch, no textual."""
