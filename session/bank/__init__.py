"""A bank's verbs on the command line, and its audition."""
