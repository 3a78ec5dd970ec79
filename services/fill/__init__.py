"""Fills a volume with a model's weights: fetches them, resumes, checks every checksum, and says how far it is."""
