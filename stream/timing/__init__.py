"""From a sender's stamps to rig time, and what was lost on the way."""
