import sys
from pathlib import Path

# Tests are no packages: what several folders share is found by its folder.
sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
