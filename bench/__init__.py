"""What this project costs, measured: `make bench`, or `python -m bench [WHAT] [--quick]`; results go to docs/."""
