"""What lets a score be good without a decoder of states: detectors on any data (pure).

Each looks for one way in and says what it found, with both numbers, and what it means for who
looks at the scores. None of them changes a score: a leak is told, not repaired.
"""
