"""The parts of a run: each starts what it needs, measures, and adds to the report."""
