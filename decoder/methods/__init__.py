"""What can be scored: candidates may become a person's decoder, controls never."""
