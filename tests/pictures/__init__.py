"""More than 250 odd and hostile files, made on the fly, each with the verdict that it must get.

`python -m tests.pictures FOLDER` writes them all, to look at or to try on another program.
"""

from tests.pictures.jpegs import JPEGS
from tests.pictures.making import Odd
from tests.pictures.others import OTHERS
from tests.pictures.pngs import PNGS

ODD: tuple[Odd, ...] = (*JPEGS, *PNGS, *OTHERS)
