"""The model as text and files: JSON, tables, the lines of /proc/PID/maps."""
