"""What is measured of the closed loop with simulated persons."""
