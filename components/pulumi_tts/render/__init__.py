"""Pure functions from the plan to the files that the real parts read."""
