"""What of the whole machine bears on huge pages."""
