"""Which channels and windows can be trusted."""
