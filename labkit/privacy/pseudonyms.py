"""Names that cannot be guessed back, and the key they hang on, which lies outside the data."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from labkit.privacy.masks import to_safe_csv

_LEAST_BYTES = 16


class KeyFileError(ValueError):
    """A key that may not be used where it is, or as it is; the text says what to do."""


def read_key(path: Path, *, away_from: Iterable[Path] = ()) -> bytes:
    """Key for pseudonyms; made (mode 0600) where there is none yet.

    Parameters
    ----------
    path : Path
    away_from : iterable of Path
        Folders it may not lie in, such as the data and the reports: whoever is given one of
        them together with the key can undo the pseudonyms.

    Raises
    ------
    KeyFileError
        If it lies in one of these folders, others can read it, or it is too short.
    """
    _keep_away(path, away_from)
    if not path.exists():
        _write_private(path, secrets.token_bytes(32))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path.name}: others can read this key; make it your own with chmod 600, or rotate it")
    key = path.read_bytes()
    if len(key) < _LEAST_BYTES:
        raise KeyFileError(
            f"{path.name}: a key has at least {_LEAST_BYTES} bytes, this has {len(key)}; delete the file to make a new one"
        )
    return key


def pseudonym(identifier: str, key: bytes) -> str:
    """A stable name that cannot be guessed back without the key (HMAC-SHA256).

    Examples
    --------
    >>> pseudonym("C0000001", b"0" * 16)
    'P-D53684B015'
    """
    digest = hmac.new(key, identifier.encode("utf-8"), hashlib.sha256).hexdigest()
    return f"P-{digest[:10].upper()}"


def rotate_key(
    old: Path, new: Path, identifiers: Iterable[str], mapping: Path, *, away_from: Iterable[Path] = ()
) -> int:
    """A new key, and which pseudonym of the old one is which of the new.

    Parameters
    ----------
    old, new : Path
        Keys; `new` is made and must not be there yet.
    identifiers : iterable of str
        Of all customers.
    mapping : Path
        CSV with ``old`` and ``new``, readable by its owner only (mode 0600): with it lists of
        before and after can be joined, so it is for those who may, and to be deleted when done.
    away_from : iterable of Path
        Folders neither key nor mapping may lie in.

    Returns
    -------
    int
        Pseudonyms in the mapping.

    Raises
    ------
    KeyFileError
        If a file lies where it may not, the old key is missing, or the new key or the mapping is there already.
    """
    away = list(away_from)
    for path in (old, new, mapping):
        _keep_away(path, away)
    if not old.exists():
        raise KeyFileError(f"{old.name}: there is no such key to rotate; name the key in use")
    for path in (new, mapping):
        if path.exists():
            raise KeyFileError(f"{path.name} is there already; name a new file")
    before, after = read_key(old), read_key(new)
    pairs = sorted((pseudonym(name, before), pseudonym(name, after)) for name in identifiers)
    _write_private(mapping, to_safe_csv(pd.DataFrame(pairs, columns=["old", "new"])))
    return len(pairs)


def _keep_away(path: Path, folders: Iterable[Path]) -> None:
    real = path.resolve()
    for folder in folders:
        if real.is_relative_to(Path(folder).resolve()):
            raise KeyFileError(
                f"{path.name} lies in {folder}, from where it would travel with what it protects: "
                "keep keys elsewhere, such as ~/.config/labkit/pseudonyms.key"
            )


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that is its owner's alone from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
