"""`make bench`: every figure as a ratio to its baseline, several interleaved rounds, the median quoted."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench import endurance, fairness, figures, growth, hearing, images, inbox, pictures, sandbox, strangers
from bench.ground import Ground, open_ground
from bench.measuring import Figure


def sending(ground: Ground, *, rounds: int, scale: int) -> Iterator[Figure]:
    """Measure one figure of sending after the other."""
    yield replace(figures.accepts(ground, rounds=rounds, count=8000 // scale), promised=0.35)
    yield replace(figures.grouped(ground, rounds=rounds, count=8000 // scale), promised=2.0)
    yield figures.sends(ground, rounds=rounds, count=8000 // scale)
    yield replace(figures.carried(ground, rounds=rounds, count=8000 // scale, told=False), promised=0.4)
    yield figures.carried(ground, rounds=rounds, count=4000 // scale, told=True)


def heard(ground: Ground, *, rounds: int, scale: int) -> Iterator[Figure | hearing.Waits]:
    """Measure one figure of webhooks after the other."""
    yield replace(hearing.updates(ground, rounds=rounds, count=30000, batch=1000), promised=0.4)
    yield hearing.updates(ground, rounds=rounds, count=6000 // scale, batch=1)
    yield replace(hearing.received(ground, rounds=rounds, count=20000, batch=1000), promised=0.4)
    yield hearing.received(ground, rounds=rounds, count=6000 // scale, batch=1)
    yield hearing.answered(ground, seconds=60 // scale)


_TOLD: dict[str, Callable[[Ground, argparse.Namespace], Iterator[str]]] = {
    "growth": lambda ground, asked: growth.report(
        ground, rounds=1 if asked.quick else 3, scale=4 if asked.quick else 1
    ),
    "endurance": lambda ground, asked: endurance.report(ground, minutes=asked.minutes),
    "inbox": lambda ground, asked: inbox.report(ground, scale=10 if asked.quick else 1),
}
"""The parts that are told line by line, and fail by themselves where something is not as promised."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "part",
        nargs="?",
        choices=("gateway", "intake", "growth", "endurance", "inbox", "sandbox", "images", "strangers"),
        help="one part (intake is the webhooks of gateway); all but endurance are measured without it",
    )
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--growth", type=int, metavar="N", help="measure again with N old messages stored")
    parser.add_argument("--minutes", type=float, default=10, help="how long the endurance is tried (%(default)s)")
    asked = parser.parse_args()
    rounds, scale = (2, 4) if asked.quick else (5, 1)
    missed: list[str] = []
    print(f"median ratio of {rounds} interleaved rounds (smallest to largest), and the rates for information\n")
    if asked.part in {None, "gateway", "intake"}:
        missed = _gateway(asked, rounds=rounds, scale=scale)
    for name, told in _TOLD.items():
        if asked.part == name or (asked.part is None and name != "endurance"):
            with open_ground() as ground:
                print(f"\n{name}")
                for line in told(ground, asked):
                    print(line, flush=True)
    if asked.part in {None, "strangers"}:
        with open_ground() as ground:
            strangers.report(ground, count=2000 // scale)
    if asked.part in {None, "sandbox"}:
        sandbox.measure(rounds=rounds, scale=scale)
    if asked.part in {None, "images"}:
        images.report(rounds=rounds)
        with open_ground() as ground:
            pictures.report(ground, scale=scale)
    if missed:
        raise SystemExit("\nless than what is promised:\n" + "\n".join(missed))


def _gateway(asked: argparse.Namespace, *, rounds: int, scale: int) -> list[str]:
    with open_ground() as ground:
        missed = _measure(ground, asked, rounds=rounds, scale=scale)
        if asked.part != "intake":
            with open_ground() as busy:
                missed += _missed(fairness.measure(busy, laps=40 // scale))
        if asked.growth:
            print(f"\nthe same with {growth.store(ground, asked.growth):,} messages stored\n")
            missed += _measure(ground, asked, rounds=rounds, scale=scale)
    return missed


def _measure(ground: Ground, asked: argparse.Namespace, *, rounds: int, scale: int) -> list[str]:
    """Print every figure, and return those that are less than what is promised."""
    parts = (heard,) if asked.part == "intake" else (sending, heard)
    return [line for part in parts for figure in part(ground, rounds=rounds, scale=scale) for line in _missed(figure)]


def _missed(figure: Figure | hearing.Waits | fairness.Delays) -> list[str]:
    """Print a figure, and return it if it is less than what is promised."""
    print(figure.line(), flush=True)
    return [] if figure.is_kept else [figure.line()]


if __name__ == "__main__":
    main()
