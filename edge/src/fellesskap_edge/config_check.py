"""Read `locker.toml` and say everything that is wrong with it at once, each with its line.

Unknown keys are refused: a misspelt limit must not be a limit that is silently off. Relative ports
and paths are relative to the file. One loader for the daemon, the tool and the simulated hardware.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from fellesskap_edge import chilled, toml_lines
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.config_pins import problems_of_pins
from fellesskap_edge.config_rules import Row, Tables, problems

T = TypeVar("T", bound=msgspec.Struct)
Raw = dict[str, Any]
NAMED_BY = ("number", "name", "device", "class")
"""What tells the tables of one array apart, for people."""
NESTED_MAX = 32
INTEGER_BITS_MAX = 63
"""TOML 1.0 has integers of 64 bits and wants others refused; tomllib takes them."""
_SYNTAX_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


class InvalidConfig(ValueError):
    """`locker.toml` cannot be used; each of `problems` names file, line, place and remedy."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Reading:
    """One file: its values, where they stand, and what was found wrong so far."""

    path: Path
    raw: Raw
    lines: dict[toml_lines.Path, int]
    wrong: list[tuple[int, str]] = field(default_factory=list)

    def say(self, place: toml_lines.Path, what: str) -> None:
        """Note a problem; its line is that of the nearest thing that stands in the file."""
        at = place
        while at and at not in self.lines:
            at = at[:-1]
        label = self._label(place)
        self.wrong.append((self.lines.get(at, 1), f"{label}: {what}" if label else what))

    def say_by_name(self, told: str) -> None:
        """Note a problem that names its table by itself, as in `[[probe]] '28-…': …`."""
        for place in self.lines:
            label = self._label(place) if len(place) < 3 else ""
            if label and re.match(rf"{re.escape(label)}[ :]", told):
                self.say(place, told.removeprefix(label).lstrip(": "))
                return
        self.say((), told)

    def table(self, model: type[T], raw: object, place: toml_lines.Path) -> T | None:
        """Return a table as its model, None if anything in it is wrong (which is then noted)."""
        before = len(self.wrong)
        row = self.row(model, raw, place)
        return model(**vars(row)) if len(self.wrong) == before else None

    def row(self, model: type[msgspec.Struct], raw: object, place: toml_lines.Path) -> Row:
        """Return the fields of a table; what is wrong or lacking is noted, and None."""
        if not isinstance(raw, dict):
            self.say(place, "is not a table")
            raw = {}
        known = {one.encode_name: one for one in msgspec.structs.fields(model)}
        for key in raw.keys() - known.keys():
            near = difflib.get_close_matches(key, known, 1)
            meant = f": is `{near[0]}` meant?" if near else ""
            self.say((*place, key), f"unknown key `{key}`{meant}")
        found = Row()
        for key, one in known.items():
            value = None if one.default is msgspec.NODEFAULT else one.default
            if key in raw:
                value = self._value(one.type, raw[key], (*place, key))
            elif one.required:
                self.say(place, f"lacks `{key}`")
            elif one.default_factory is not msgspec.NODEFAULT:
                value = one.default_factory()
            setattr(found, one.name, value)
        return found

    def refuse(self) -> None:
        """Raise `InvalidConfig` with everything that was found, in the order of the file."""
        if self.wrong:
            found = sorted(dict.fromkeys(self.wrong), key=lambda one: one[0])
            raise InvalidConfig(*(f"{self.path}:{line}: {what}" for line, what in found))

    def _value(self, kind: Any, raw: object, place: toml_lines.Path) -> object:
        allowed = get_args(kind) if get_origin(kind) is Literal else ()
        if allowed and not (raw in allowed and type(raw) in map(type, allowed)):
            choices = " or ".join(repr(one) for one in allowed)
            self.say(place, f"`{place[-1]}` is {raw!r}, it can be {choices}")
            return None
        table, is_array = _table_of(kind)
        if table is not None and is_array and isinstance(raw, list):
            return tuple(self.table(table, one, (*place, at)) for at, one in enumerate(raw))
        if table is not None and not is_array:
            return self.table(table, raw, place)
        try:
            return msgspec.convert(raw, kind)
        except msgspec.ValidationError as error:
            self.say(place, f"`{place[-1]}`: {error}")
        return None

    def _label(self, place: toml_lines.Path) -> str:
        """Name a table as a person would: `[[compartment]] 7`, `[limits]`."""
        if not place or place[0] not in self.raw:
            return ""
        found = self.raw[str(place[0])]
        if len(place) < 2 or not isinstance(place[1], int):
            return f"[{place[0]}]" if isinstance(found, dict) else ""
        one = found[place[1]]
        names = [one[key] for key in NAMED_BY if key in one] if isinstance(one, Mapping) else []
        return f"[[{place[0]}]] {names[0]!r}" if names else f"[[{place[0]}]] no. {place[1] + 1}"


def _table_of(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """Return the model of a table, or of each table of an array, that a field holds."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    if get_origin(kind) in (Union, UnionType):
        found = [_table_of(one) for one in get_args(kind)]
        return next((one for one in found if one[0] is not None), (None, False))
    if get_origin(kind) is tuple and get_args(kind):
        return _table_of(get_args(kind)[0])[0], True
    return None, False


def read(path: Path) -> Reading:
    """Read a TOML file with its positions; raise `InvalidConfig` if it is none."""
    try:
        return parsed(path, path.read_bytes())
    except OSError as error:
        raise InvalidConfig(f"{path}: {error.strerror}") from None


def parsed(path: Path, data: bytes) -> Reading:
    """Take in what stands in a TOML file; raise `InvalidConfig` if it is none. Pure."""
    try:
        text = data.decode().replace("\r\n", "\n")
        raw = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"{path}: not UTF-8 text: {error}") from None
    except RecursionError:
        raise InvalidConfig(f"{path}: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        last = text.removesuffix("\n").count("\n") + 1
        line = int(found[1]) if found and found[1] else last
        what = _SYNTAX_LINE.sub("", str(error))
        raise InvalidConfig(f"{path}:{line}: not TOML: {what}") from None
    except ValueError:
        raise InvalidConfig(f"{path}: an integer of thousands of digits") from None
    large = _large(path, raw)
    reading = Reading(path, raw, toml_lines.lines_of(text))
    for place in large:
        name = ".".join(map(str, place))
        reading.wrong.append((reading.lines.get(place, 1), f"{name} is beyond 64 bits"))
    reading.refuse()
    return reading


def _large(path: Path, raw: Raw) -> list[toml_lines.Path]:
    """Return where integers are too large to be shown; raise `InvalidConfig` for depths."""
    found: list[toml_lines.Path] = []
    level: list[tuple[toml_lines.Path, object]] = [((), raw)]
    for _ in range(NESTED_MAX):
        inner: list[tuple[toml_lines.Path, object]] = []
        for place, one in level:
            if isinstance(one, int) and one.bit_length() > INTEGER_BITS_MAX:
                found.append(place)
            keyed = one.items() if isinstance(one, dict) else ()
            nth = enumerate(one) if isinstance(one, list) else ()
            inner += [((*place, key), value) for key, value in (*keyed, *nth)]
        level = inner
    if level:
        raise InvalidConfig(f"{path}: nested too deeply")
    return found


def load(path: Path) -> LockerConfig:
    """Read and check a `locker.toml`; raise `InvalidConfig` with all that is wrong with it."""
    return absolute(checked(read(path)), path.resolve().parent)


def checked(reading: Reading) -> LockerConfig:
    """Return the config of a file; raise `InvalidConfig` with all that is wrong with it. Pure."""
    config = reading.table(LockerConfig, reading.raw, ())
    found = tables(reading)
    for place, what in (*problems(found), *problems_of_pins(found)):
        reading.say(place, what)
    if config is not None:
        for told in chilled.problems(config.climate, config.probes, config.features):
            reading.say_by_name(told)
    reading.refuse()
    assert config is not None, "what is no config was refused"
    return config


def tables(reading: Reading) -> Tables:
    """Return the rows of a file, for the rules: read aside, so that nothing is said twice."""
    aside = Reading(reading.path, reading.raw, reading.lines)
    found: dict[str, Any] = {}
    for one in msgspec.structs.fields(LockerConfig):
        table, is_array = _table_of(one.type)
        assert table is not None, f"{one.name} is no table"
        key, raw = one.encode_name, reading.raw.get(one.encode_name)
        if is_array and isinstance(raw, list):
            found[one.name] = [aside.row(table, each, (key, at)) for at, each in enumerate(raw)]
        elif not is_array and raw is not None:
            found[one.name] = aside.row(table, raw, (key,))
    ruled = {one.name for one in fields(Tables)}
    return Tables(**{name: rows for name, rows in found.items() if name in ruled})


def absolute(config: LockerConfig, folder: Path) -> LockerConfig:
    """Return the config with ports and paths as seen from the file's folder."""
    replace = msgspec.structs.replace
    return replace(
        config,
        banks=tuple(
            replace(bank, port=str(folder / bank.port)) if bank.port else bank
            for bank in config.banks
        ),
        scanner=replace(config.scanner, port=str(folder / config.scanner.port)),
        edge=replace(config.edge, state=str(folder / config.edge.state)),
        climate=replace(config.climate, devices=str(folder / config.climate.devices)),
    )
