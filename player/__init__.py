"""Audio and images: valence in, what is heard and seen out; EEG is replayed by `stream`."""
