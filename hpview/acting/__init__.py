"""The one thing hpview can do to a process: have the kernel collapse memory into huge pages.

``plan`` decides what would be tried, ``target`` holds the process, ``madvise`` makes the call,
``outcome`` compares two readings, ``words`` tells all of it.
"""
