"""Widgets that draw lines of segments, and the pure functions that make them."""
