"""Whether a score can be believed: data sets, runs, leaks, the page of `rym evaluate`."""
