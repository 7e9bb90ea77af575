"""A guess in words, and as a first mapping with a comment at every doubt."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from labkit import terms
from labkit.intake.columns import FileGuess
from labkit.intake.formats import FORMATS, recognise_format
from labkit.intake.guess import guess_path
from labkit.intake.values import unit_factors
from labkit.store import About

_UNITS = {"kwh": "kWh", "kw": "kW"}


def explain_layout(path: Path, language: terms.Language = "en") -> list[str]:
    """What a file or folder looks like, line by line, and the ways on; nothing is applied.

    Parameters
    ----------
    path : Path
        What an intake could not read.
    language : {"en", "zh"}
    """
    say = terms.Say(language)
    known, here = recognise_format(path), shlex.quote(str(path))
    if known:
        zone = " --timezone ZONE" if known.zoned else ""
        return [
            say(f"this looks like the layout of {known.title}; nothing has been taken in. To read it:", f"疑似 {known.title} 的布局，尚未读入任何数据。读入命令："),
            f"  labkit intake {here} --format {known.name}{zone} --out STORE",
        ]  # fmt: skip
    lines = [line for guess in guess_path(path) for line in _in_words(guess, say)]
    names = ", ".join(FORMATS)
    return [
        say(
            "what the files look like (a guess; nothing has been taken in):",
            "文件的样子（仅为推测，尚未读入任何数据）：",
        ),
        *lines,
        say("two ways on:", "接下来可以："),
        f"  labkit intake {here} --format X --out STORE    " + say(f"(X is {names})", f"（X 为 {names}）"),
        f"  labkit intake suggest {here} --out mapping.yaml; labkit intake {here} --mapping mapping.yaml --out STORE",
    ]


def _in_words(guess: FileGuess, say: terms.Say) -> Iterator[str]:
    place = f"{guess.file}[{guess.sheet}]" if guess.sheet else guess.file
    table = guess.table or say("no table", "未识别的表")
    header = (
        say("no header", "无表头")
        if guess.header_row is None
        else say(f"header in line {guess.header_row}", f"表头在第 {guess.header_row} 行")
    )
    shown = ", ".join(f"{ours} = {_shown(theirs, say)}" for ours, theirs in guess.columns.items())
    yield f"  {place}: {table}; {header}" + (f"; {shown}" if shown else "")
    if guess.table == "readings":
        minutes = (
            say("interval not known", "时段长度未知")
            if guess.interval_min is None
            else say(f"{guess.interval_min} minutes", f"{guess.interval_min} 分钟")
        )
        label = say(
            f"labels are the {guess.time} of the interval", f"时间标签为时段{'终点' if guess.time == 'end' else '起点'}"
        )
        zone = (
            say(f"local time (zone {About().timezone} assumed)", f"当地时间（假定时区 {About().timezone}）")
            if guess.zone == "local"
            else say(f"times with the offset {guess.zone}", f"时间带偏移 {guess.zone}")
        )
        yield f"    {say('unit', '单位')} {guess.unit or _UNITS[guess.measure]}; {minutes}; {label}; {zone}"
    for what, en, zh in guess.doubts:
        yield f"    ? {what}: {say(en, zh)}"


def _shown(theirs: str | int, say: terms.Say) -> str:
    return say(f"column {theirs}", f"第 {theirs} 列") if isinstance(theirs, int) else theirs


def suggest_mapping(path: Path) -> str:
    """A first mapping of a file or folder, as the text of a mapping.yaml.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Readable by `labkit.intake.mapping.read_mapping`; each doubt is a comment that begins with a question mark.

    Raises
    ------
    IntakeError
        If there is nothing to look at.
    """
    head = [
        f"# A first mapping of {path.name}. Read what follows a question mark, correct it, then:",
        f"#   labkit intake {path.name} --mapping FILE --out STORE",
    ]
    known = recognise_format(path)
    if known:
        zone = " --timezone ZONE" if known.zoned else ""
        head.append(
            f"# ? it looks like {known.title}, which needs no mapping: labkit intake {path.name} --format {known.name}{zone} --out STORE"
        )
    guesses = [] if known and path.suffix == ".xml" else guess_path(path)
    mapped = [guess for guess in guesses if guess.table and guess.columns]
    lines = [*head, *_about(), *_customers(mapped), "files:" if mapped else "files: []"]
    for guess in guesses:
        lines += _entry(guess) if guess in mapped else _not_mapped(guess)
    return "\n".join(lines) + "\n"


def _about() -> list[str]:
    about = About()
    return [
        "about:",
        f"  name_en: {about.name_en}  # ? the utility's name",
        f"  name_zh: {about.name_zh}",
        f"  timezone: {about.timezone}  # ? assumed: where the meters are",
        f"  calendar: {about.calendar}  # ? assumed: country whose holidays count",
        f"  currency: {about.currency}",
    ]


def _customers(mapped: list[FileGuess]) -> list[str]:
    readings = [guess for guess in mapped if guess.table == "readings"]
    if not readings or any(guess.table == "customers" for guess in mapped):
        return []
    return ["customers: from readings  # ? no table of customers: those that the readings name, of no class"]


def _entry(guess: FileGuess) -> list[str]:
    doubts: dict[str, list[str]] = {}
    for what, en, _ in guess.doubts:
        doubts.setdefault(what, []).append(en)

    def line(key: str, text: str, indent: int = 4) -> str:
        told = "; ".join(doubts.pop(key, []))
        return " " * indent + text + (f"  # ? {told}" if told else "")

    unit = guess.unit if guess.unit in unit_factors(_UNITS[guess.measure]) else _UNITS[guess.measure]
    columns = [
        line(ours, f"{ours}: {json.dumps(theirs, ensure_ascii=False)}", 6) for ours, theirs in guess.columns.items()
    ]
    out = [f"  - file: {json.dumps(guess.file, ensure_ascii=False)}"]
    if guess.sheet:
        out.append(f"    sheet: {json.dumps(guess.sheet, ensure_ascii=False)}")
    out.append(line("table", f"table: {guess.table}"))
    if guess.header_row is None:
        out.append(line("header", "header: false"))
    elif guess.header_row > 0:
        out.append(line("header", f"header_row: {guess.header_row}"))
    out += ["    columns:", *columns]
    if guess.customer_id is not None:
        out.append(line("customer_id", f"customer_id: {json.dumps(guess.customer_id, ensure_ascii=False)}"))
    if guess.table == "readings":
        out.append(line("units", f"units: {{{guess.measure}: {unit}}}"))
        if guess.interval_min is not None and not guess.wide:
            out.append(line("interval_min", f"interval_min: {guess.interval_min}"))
            out.append(line("time", f"time: {guess.time}"))
        if guess.zone != "local":
            out.append(line("timezone", "timezone: UTC"))
    return out + [f"    # ? {what}: {en}" for what, told in doubts.items() for en in told]


def _not_mapped(guess: FileGuess) -> list[str]:
    place = f"{guess.file}[{guess.sheet}]" if guess.sheet else guess.file
    return [f"  # ? {place} is not mapped: {en}" for _, en, _ in guess.doubts] or [f"  # ? {place} is not mapped"]
