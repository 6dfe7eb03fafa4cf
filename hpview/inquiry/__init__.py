"""Why the memory of one process is not huge: what has to be read for the answer, and its words.

``asking`` reads and applies the rules of ``hpview.reasons``, ``unknowns`` tells what could not
be read, ``words`` has the words that the screens and the command line share.
"""
