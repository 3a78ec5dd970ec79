"""What placement costs on the largest fleet that the design names, next to what else could do the same."""
