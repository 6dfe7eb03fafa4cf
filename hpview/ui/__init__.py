"""The terminal app: screens and widgets over a ``Services`` object."""

import os

# Read when Textual is imported: what a key changed waits for the next tick to be painted.
os.environ.setdefault("TEXTUAL_FPS", "120")
