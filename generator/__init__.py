"""Memory in, bank out: made before the session, never during it."""
