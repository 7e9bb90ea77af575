"""Layouts whose times are UTC: OpenEEmeter and Green Button, with hostile XML."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labkit
from labkit.intake.findings import IntakeError
from labkit.intake.formats.eemeter import intake_eemeter
from labkit.intake.formats.greenbutton import intake_greenbutton

ZONE = "America/New_York"
#: Midnight in New York on 2 November 2025, a day of 25 hours.
LONG_DAY = 1762056000
HREF = "https://example.org/espi/1_1/resource/RetailCustomer/9/UsagePoint/3/MeterReading/"


def hours(first_s: int, count: int) -> list[str]:
    stamps = np.datetime64(first_s, "s") + np.arange(count) * np.timedelta64(1, "h")
    return [f"{stamp}+00:00" for stamp in np.datetime_as_string(stamps)]


def test_hours_of_openeemeter_are_moved_to_the_local_clock(tmp_path: Path) -> None:
    rows = [f"{ts},{i}" for i, ts in enumerate(hours(LONG_DAY, 25))]
    (tmp_path / "meter-7.csv").write_text("\n".join(["start,value", *rows, "2025-11-03T05:00:00+00:00,", ""]))
    result = intake_eemeter(tmp_path / "meter-7.csv", tmp_path / "store", ZONE)
    (count,) = (c for c in result.counts if c.table == "readings")
    assert (count.read, count.good, count.quarantined) == (25, 24, 1), (
        "the row without a value ends the period before it"
    )
    assert result.quarantine["readings"]["rules"].tolist() == ["readings.ts.repeated_hour"]
    assert result.quarantine["readings"]["original"].tolist() == ["2025-11-02T06:00:00+00:00,2"]
    with labkit.open(tmp_path / "store") as lab:
        (day,) = lab.run(lab.readings).to_dict("records")
    assert day["customer_id"] == "meter-7" and [day["p00"], day["p01"], day["p02"], day["p23"]] == [
        0,
        1000,
        3000,
        24_000,
    ]


@pytest.mark.parametrize(("text", "zone", "says"), [
    ("start,value\n", None, "name the time zone"),
    ("start,value\n2025-01-01T00:00:00+00:00,1\n", "Mars/Olympus", "time zone 'Mars/Olympus' is not known"),
    ("ts,kwh\n", ZONE, "expected the header start,value"),
    ("start,value\n2025-01-01T00:00:00+00:00,1\n2025-01-02T00:00:00+00:00,1\n", ZONE, "periods are days or billing months"),
])  # fmt: skip
def test_what_is_no_openeemeter_is_refused(tmp_path: Path, text: str, zone: str | None, says: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(IntakeError, match=says):
        intake_eemeter(tmp_path / "m.csv", tmp_path / "store", zone)
    assert not (tmp_path / "store").exists()


def entry(links: dict[str, str], content: str) -> str:
    told = "".join(f'<link rel="{rel}" href="{href}"/>' for rel, href in links.items())
    return f"<entry>{told}<content>{content}</content></entry>"


def series(number: int, kind: str, readings: list[tuple[int, int, object]]) -> str:
    intervals = "".join(
        f"<espi:IntervalReading><espi:timePeriod><espi:duration>{d}</espi:duration><espi:start>{s}</espi:start></espi:timePeriod>"
        f"<espi:value>{v}</espi:value></espi:IntervalReading>"
        for s, d, v in readings
    )
    here = f"{HREF}{number}"
    return (
        entry({"self": f"{here}/IntervalBlock/1", "up": f"{here}/IntervalBlock"}, f"<espi:IntervalBlock>{intervals}</espi:IntervalBlock>")
        + entry({"self": here, "related": f"https://example.org/espi/1_1/resource/ReadingType/{number}"}, "<espi:MeterReading/>")
        + entry({"self": f"https://example.org/espi/1_1/resource/ReadingType/{number}"}, f"<espi:ReadingType>{kind}</espi:ReadingType>")
    )  # fmt: skip


def kind(uom: int, power: int, flow: int = 1) -> str:
    return f"<espi:powerOfTenMultiplier>{power}</espi:powerOfTenMultiplier><espi:uom>{uom}</espi:uom><espi:flowDirection>{flow}</espi:flowDirection>"


def feed(*parts: str) -> str:
    return (
        '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi">'
        + "".join(parts)
        + "</feed>"
    )


def test_green_button_with_its_traps(tmp_path: Path) -> None:
    use = [(LONG_DAY + 3600 * i, 3600, 10 * i) for i in range(25)]
    odd: list[tuple[int, int, object]] = [(LONG_DAY + 90_000, 86_400, 5), (LONG_DAY + 93_600, 3600, "n/a")]
    text = feed(
        series(1, kind(72, -1), [*use, *odd]),
        series(2, kind(72, 0, flow=19), use[:3]),
        series(3, kind(38, 0), use[:4]),
    )
    (tmp_path / "home.xml").write_text(text)
    result = intake_greenbutton(tmp_path / "home.xml", tmp_path / "store", ZONE)
    (count,) = (c for c in result.counts if c.table == "readings")
    assert (count.read, count.good, count.quarantined) == (27, 24, 3)
    assert result.quarantine["readings"]["rules"].tolist() == [
        "readings.ts.repeated_hour",
        "readings.duration",
        "readings.kwh.type",
    ]
    left_out = {f.message_en: f.rows for f in result.findings if f.rule == "readings.reading_type"}
    assert left_out == {
        "energy fed back (flow direction 19) is left out": 3,
        "readings of another unit (uom 38; 72 is Wh) are left out": 4,
    }
    with labkit.open(tmp_path / "store") as lab:
        (day,) = lab.run(lab.readings).to_dict("records")
    # A tenth of a Wh is the unit: reading i is i Wh; 01:00 comes twice, the first is kept.
    assert day["customer_id"] == "9-3" and [day["p01"], day["p02"], day["p23"]] == [1, 3, 24]


def test_quarter_hours_and_hours_of_one_file(tmp_path: Path) -> None:
    quarters = [(LONG_DAY + 86_400 * 2 + 900 * i, 900, i) for i in range(96)]
    text = feed(
        series(1, kind(72, 0), [(LONG_DAY - 86_400 + 3600 * i, 3600, i) for i in range(24)]),
        series(2, kind(72, 0), quarters),
    )
    (tmp_path / "home.xml").write_text(text)
    result = intake_greenbutton(tmp_path / "home.xml", tmp_path / "store", ZONE)
    assert [(c.file, c.good) for c in result.counts if c.table == "readings"] == [
        ("home.xml[15 min]", 96),
        ("home.xml[60 min]", 24),
    ]


@pytest.mark.parametrize(("text", "says"), [
    ('<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><f>&b;</f>', "has a document type"),
    ('<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><f>&x;</f>', "has a document type"),
    pytest.param('<f a="' + "x" * (18 << 20) + '"/>', "does not end within 16 MB", id="huge tag"),
    pytest.param("<f>" + "x" * 1_100_000 + "</f>", "text is too long", id="huge text"),
    ("<entry>" + '<link href="x"/>' * 1001 + "</entry>", "too many links"),
    ("<f>" * 100 + "</f>" * 100, "lie 64 deep"),
    ("<feed><entry>", "not well-formed XML"),
    (feed(series(3, kind(38, 0), [(LONG_DAY, 3600, 1)])), "holds no energy in Wh"),
    (feed(series(1, kind(72, 0), [(LONG_DAY, 86_400, 1)])), "holds no energy in Wh"),
    (feed(series(1, kind(72, 0), [(LONG_DAY, 3600, 1)])).replace("ReadingType>", "Other>"), "names no ReadingType"),
])  # fmt: skip
def test_hostile_or_empty_xml_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "home.xml").write_text(text)
    with pytest.raises(IntakeError, match=says):
        intake_greenbutton(tmp_path / "home.xml", tmp_path / "store", ZONE)
    assert not (tmp_path / "store").exists()
