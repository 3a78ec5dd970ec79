"""What the components cost in time and state, next to no program and to one written by hand."""
