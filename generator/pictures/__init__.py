"""Painted pictures: scenes in all their lights, from a memory's seed, words and sketch."""
