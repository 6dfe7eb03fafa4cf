"""``python -m hpview``."""

import sys

from hpview.cli import main

sys.exit(main())
