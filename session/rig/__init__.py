"""Around a session: what the rig is, and whether it works."""
