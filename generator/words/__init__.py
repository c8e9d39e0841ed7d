"""Words for sound and for sight, by affect, and the prompts made of them."""
