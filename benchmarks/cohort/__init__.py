"""The simulated cohort: whether interval and verdict keep their word."""
