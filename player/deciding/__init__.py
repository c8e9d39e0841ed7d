"""What is asked of the music: who leads, and what limits them."""
