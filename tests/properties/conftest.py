import sys
from pathlib import Path

# Tests are no packages: what several folders share is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))
from shapes import check_shapes
from wiring import connected, context, fake, store_template

__all__ = ["connected", "context", "fake", "store_template"]

check_shapes("relabel.types", "relabel.numerics")
