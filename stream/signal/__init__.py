"""What is done to samples, and what is measured on them."""
