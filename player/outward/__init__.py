"""Outward: what the session knows, told to other programs by OSC and MIDI; off unless asked for."""
