"""What runs while a person is there: supervisor, protocol, journal, terminal view."""
