"""Adapters to models with weights: music, pictures, and how well both fit their words."""
