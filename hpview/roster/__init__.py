"""What the list of processes shows and in which order, without drawing it."""
