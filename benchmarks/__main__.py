"""`python -m benchmarks [NAME [OPTIONS]]`: run one benchmark with its options, or all with their defaults."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def names() -> list[str]:
    modules = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in modules if not name.startswith("_"))


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] not in names():
        print(f"No benchmark {arguments[0]!r}. There are: {', '.join(names())}.", file=sys.stderr)
        return 2
    for name in arguments[:1] or names():
        print(f"\n{name}\n{'=' * len(name)}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
