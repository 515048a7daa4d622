"""Has nothing to do with us."""

import sys

print("hello", sys.argv[1:])
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
