"""What is on the screen, as a file: SVG, PNG, HTML or text."""
