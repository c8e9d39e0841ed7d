"""What every clip goes through, wherever it comes from: mastering, measures, bars."""
