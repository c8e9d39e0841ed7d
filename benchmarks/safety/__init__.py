"""What the dead-man switch promises, what it does, and what of it was heard."""
