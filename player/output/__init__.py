"""Where frames go: devices, and the recording of what was heard."""
