"""``python -m jobctl``."""

import sys

from jobctl.cli.main import main

sys.exit(main())
