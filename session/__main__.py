"""`python -m session`: the same as `rym`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
