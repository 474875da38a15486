"""Side-by-side speed figures: each file prints a ratio from one run."""
