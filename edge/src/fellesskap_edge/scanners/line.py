"""A scanner that sends lines of text and takes no commands. Pure.

Any USB-CDC or RS-232 scanner that was set up by its printed codes: AIM identifiers on, suffix CR,
presentation mode, configuration codes off. Also for a line on which only the scanner talks. Nobody
can ask it whether it lives. Quality: the common ground of all makers.
"""

from fellesskap_edge.scanners.family import Family
from fellesskap_edge.scanners.framing import Lines

LINE = Family("line", baud=9600, framer=Lines())
