"""Where records come from: the kernel, its emulation over /proc, or a recording."""
