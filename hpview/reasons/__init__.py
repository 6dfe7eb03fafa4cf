"""Why memory is not backed by huge pages: rules over the model and the settings in force.

``kinds`` tells what a VMA is, ``eligibility`` what the kernel would allow there, ``verdicts``
decides for each slot, ``breakdown`` sums up, ``evidence`` and ``remedies`` explain; ``answers``
is the door.
"""
