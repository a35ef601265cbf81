"""``python -m tests.contract.stub_drift FRESH CHECKED_IN``: fails when checked-in stubs are stale."""

import sys
from pathlib import Path


def stubs(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*_pb2*.py*") if path.is_file()}


def main() -> None:
    fresh, checked_in = (
        {name: content for name, content in stubs(Path(folder)).items() if "__pycache__" not in name}
        for folder in sys.argv[1:3]
    )
    stale = sorted(name for name in fresh.keys() | checked_in.keys() if fresh.get(name) != checked_in.get(name))
    if stale:
        sys.exit("stubs are stale, run `make proto` and commit: " + ", ".join(stale))


if __name__ == "__main__":
    main()
