"""python -m fitting_room"""

import sys

from .commands.main import main

sys.exit(main())
