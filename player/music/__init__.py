"""What the music is at every frame: pure."""
