"""``make bench``: how fast hpview reads, beside everything else that reads the same."""
