"""From folders, sessions and BIDS to the rows of one table."""
