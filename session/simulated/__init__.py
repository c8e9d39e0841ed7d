"""Simulated sessions on a fast clock, with a truth that is known."""
