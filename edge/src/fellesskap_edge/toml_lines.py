"""Where each table, key and element of a TOML file stands: its line, by its path. Pure.

tomllib gives values without positions. This walks the same text once more and notes lines only: it
reads no values and judges nothing, so give it only what tomllib took (TOML 1.0). Paths are as in
what tomllib returns: `("bank", 0, "port")`. Used by `config_check`.
"""

import re
import tomllib
from bisect import bisect_left

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r""" "(?:[^"\\]|\\.)*" | '[^']*' | [A-Za-z0-9_-]+ """, re.VERBOSE)
_STRING = re.compile(
    r""" \"{3} (?:[^\\]|\\.)*? \"{3,5} | '{3} .*? '{3,5} | "(?:[^"\\]|\\.)*" | '[^']*' """,
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")
"""A number, a date (it may hold a blank) or a truth value."""


def lines_of(text: str) -> dict[Path, int]:
    r"""Return the line, from 1, of everything in a valid TOML text.

    >>> lines_of('[locker]\nid = "oslo-1"\n[[bank]]\n[[bank]]\nport = "x"')
    {('locker',): 1, ('locker', 'id'): 2, ('bank',): 3, ('bank', 0): 3, ('bank', 1): 4, \
('bank', 1, 'port'): 5}
    """
    walk = _Walk(text)
    walk.document()
    return walk.found


class _Walk:
    """One walk over one text; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self.found: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._ends = [at for at, character in enumerate(text) if character == "\n"]
        self._elements: dict[Path, int] = {}
        """How many tables each `[[array]]` has so far."""

    def document(self) -> None:
        """Walk from the beginning to the end."""
        table: Path = ()
        while self._blank():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._line
        array = self._take("[[")
        if not array:
            self._take("[")
        keys = self._keys()
        self._take("]]" if array else "]")
        path: Path = ()
        for key in keys[:-1]:
            path = self._newest((*path, key), line)
        path = (*path, keys[-1])
        self.found.setdefault(path, line)
        if array:
            count = self._elements[path] = self._elements.get(path, 0) + 1
            path = (*path, count - 1)
            self.found[path] = line
        return path

    def _newest(self, path: Path, line: int) -> Path:
        """Return the table that a key in a header means: of an array, the newest."""
        self.found.setdefault(path, line)
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _pair(self, table: Path) -> None:
        line = self._line
        for key in self._keys():
            table = (*table, key)
            self.found.setdefault(table, line)
        self._take("=")
        self._value(table)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._blank()
        token = self._match(_KEY)
        quoted = token[0] in "\"'"
        return str(tomllib.loads(f"key = {token}")["key"]) if quoted else token

    def _value(self, path: Path) -> None:
        self._blank()
        if self._take("["):
            element = 0
            while not self._take("]"):
                self.found[(*path, element)] = self._line
                self._value((*path, element))
                self._take(",")
                element += 1
        elif self._take("{"):
            while not self._take("}"):
                self._pair(path)
                self._take(",")
        elif self._text[self._at] in "\"'":
            self._match(_STRING)
        else:
            self._match(_BARE)

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise ValueError(f"line {self._line}: not TOML")
        self._at = found.end()
        return found.group()

    def _take(self, token: str) -> bool:
        self._blank()
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _blank(self) -> bool:
        """Step over blanks, line ends and comments; return whether anything follows."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    @property
    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1
