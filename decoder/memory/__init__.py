"""The kNN memory: what it remembers, how it learns from held keys, when it no longer fits."""
