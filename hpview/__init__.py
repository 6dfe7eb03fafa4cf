"""hpview: which parts of a process are backed by huge pages, and where the holes are."""

__version__ = "0.1.0"
