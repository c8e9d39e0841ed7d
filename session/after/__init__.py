"""What runs on a session folder: training, replay, report."""
