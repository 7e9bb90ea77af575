"""labkit: the analysis of electricity customers (电力营销).

>>> import labkit
>>> lab = labkit.open("data/sample")  # doctest: +SKIP
"""

from labkit.lab import Lab, MissingTableError
from labkit.lab import open_lab as open

__version__ = "0.1.0"
__all__ = ["Lab", "MissingTableError", "__version__", "open"]
