"""Keeps directories of outputs within an age and a size, oldest files first; nothing else is ever removed."""
