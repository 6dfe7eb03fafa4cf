"""The terminal app: screens and widgets over a ``Services`` object."""
