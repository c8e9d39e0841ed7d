"""Windows in, valence out."""
