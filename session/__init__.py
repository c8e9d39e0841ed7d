"""The roof: command line, supervisor, protocol, journal, replay and report."""
