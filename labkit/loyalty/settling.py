"""Fits that may not settle: what a library warns of is asked for afterwards, in words about the covariate."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from statsmodels.tools.sm_exceptions import ModelWarning


@contextmanager
def may_not_settle() -> Iterator[None]:
    """Inside, a model may fail to converge or overflow on the way; the caller looks at what came out.

    Only those warnings are held back: all others are heard.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
