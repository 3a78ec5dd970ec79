"""In what steps times are counted, at the edge as at the guard."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 2700)
"""Upper bounds in seconds: from what the edge adds, 1 ms, to jobs of 45 minutes."""
