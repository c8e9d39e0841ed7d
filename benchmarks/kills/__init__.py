"""What is heard, kept and started again where parts of a session are killed."""
