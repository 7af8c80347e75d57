from pathlib import Path

from rich.console import Console


def run_preset(name: str, data_dir: Path, out: Path, seeds: int, console: Console) -> int:
    return 0
