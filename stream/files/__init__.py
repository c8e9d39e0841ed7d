"""EEG at rest: recordings of any maker read, ours written."""
