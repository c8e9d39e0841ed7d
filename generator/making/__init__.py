"""From a memory to a folder: what is made, in which order, and whether it is as it must be."""
