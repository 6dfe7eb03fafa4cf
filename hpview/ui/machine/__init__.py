"""What the machine screen says: each section as tables of words, made from what was read."""
