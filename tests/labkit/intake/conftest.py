from __future__ import annotations

from pathlib import Path

import pytest

CUSTOMERS = """customer_id,name,customer_class,phone
0001,王建国,residential,12912345678
0002,李秀英,residential,12987654321
0003,东湖机械有限公司,industrial,12900000000
"""
READINGS = "customer_id,ts,kwh\n" + "".join(
    f"{customer},2025-03-{day:02d} {hour:02d}:00:00,{hour / 10 + 0.5:.3f}\n"
    for customer in ("0001", "0002", "0003")
    for day in (1, 2)
    for hour in range(24)
)
BILLS = """bill_id,customer_id,period,kwh,total_yuan,issued_on,due_on
B1,0001,2025-03,100.5,55.2,2025-04-03,2025-04-18
B2,0002,2025-03,80,44,2025-04-03,2025-04-18
"""
PAYMENTS = """payment_id,bill_id,customer_id,paid_on,amount_yuan,channel
P1,B1,0001,2025-04-10,55.2,online
"""
FILES = {"customers.csv": CUSTOMERS, "readings.csv": READINGS, "bills.csv": BILLS, "payments.csv": PAYMENTS}


class Folder:
    """A valid folder of exports, to be spoilt."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str | bytes, encoding: str = "utf-8") -> Path:
        target = self.path / name
        target.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return target

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def append(self, name: str, line: str) -> None:
        self.write(name, (self.path / name).read_text(encoding="utf-8") + line + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "exports")
