"""``python -m tests.benchmark [NAME ...]``: figures as ratios against a peer or a limit measured in the same run."""

import argparse
import importlib
import pkgutil

from tests import benchmark


def main() -> None:
    names = sorted(
        module.name for module in pkgutil.iter_modules(benchmark.__path__) if not module.name.startswith("_")
    )
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(names)}; default: all")
    chosen = parser.parse_args().names or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    for name in chosen:
        module = importlib.import_module(f"tests.benchmark.{name}")
        print(f"\n== {name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        module.run()


if __name__ == "__main__":
    main()
