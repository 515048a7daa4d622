"""`python -m deepeyes_tui.analysis DESCRIPTOR`: started by a viewer, at the other end of a socket."""

import sys

from deepeyes_tui.analysis.process import serve

serve(int(sys.argv[1]))
