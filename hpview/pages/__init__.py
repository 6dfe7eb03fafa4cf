"""Single pages and folios of a process, read from pagemap and kpageflags."""
