import sys
from pathlib import Path

# Tests are no packages: what several files of a folder share is found by the folder.
sys.path.insert(0, str(Path(__file__).parent))
