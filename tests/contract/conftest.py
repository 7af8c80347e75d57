import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from wiring import connected, context, fake, in_order, running, store_template

__all__ = ["connected", "context", "fake", "in_order", "running", "store_template"]
