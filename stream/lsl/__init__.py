"""The lab streaming layer: finding streams, reading them, sending them."""
