"""The address space of one process, built chunk by chunk from a stream's records."""
