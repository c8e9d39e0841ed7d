"""The person's song: from a file, a hum or rows of notes to one voice of notes."""
