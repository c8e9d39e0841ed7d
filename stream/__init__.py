"""EEG in, windows out."""
