"""What the edge and the guard add to a stream of speech, next to other ways of the same length and to none."""
