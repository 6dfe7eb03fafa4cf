"""Readers of /proc and /sys; each takes the root of its tree."""
