"""`deepeyes export`: what is known of a run, for other programs. No torch, and textual for pictures alone."""
