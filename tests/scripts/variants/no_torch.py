import sys

print(sorted(globals()), __name__, __spec__, type(__loader__).__name__, sys.argv[1:], sys.path[0])
print([name for name in sys.modules if name.startswith(("torch", "numpy"))])
sys.exit(len(sys.argv))
