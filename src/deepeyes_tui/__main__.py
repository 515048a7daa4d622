"""`python -m deepeyes_tui`: the same as `deepeyes`."""

import sys

from deepeyes_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
