"""Simulated people with a known truth: drawn as rows, written as recordings. SIMULATED."""
