"""What was heard and seen, as files."""
