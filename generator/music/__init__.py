"""Procedural music: one piece in three affects, from a memory's seed and song."""
