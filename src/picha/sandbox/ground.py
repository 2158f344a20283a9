"""What every deed of the sandbox stands on: the world, the journal that changes it, chance and time."""

from typing import NamedTuple

from picha.sandbox.chance import Chance
from picha.sandbox.clock import SandboxClock
from picha.sandbox.journal import Journal
from picha.sandbox.world import World


class Ground(NamedTuple):
    """One sandbox's state and the three sources it changes by."""

    world: World
    journal: Journal
    chance: Chance
    clock: SandboxClock
