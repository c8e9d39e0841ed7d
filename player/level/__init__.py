"""How loud it is, and the limiter that is the last thing before the ear."""
