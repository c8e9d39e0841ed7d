"""What a device is given, captured and compared with what the player says of it."""
