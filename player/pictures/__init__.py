"""What is seen while the music is heard: its path, its safety, and the participant's page."""
