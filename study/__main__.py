"""``python -m study``: the command line of `study.run`."""

import sys

from study.run import main

sys.exit(main())
