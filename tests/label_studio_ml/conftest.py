"""The table of calls, the environments and the driver are found by their folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
