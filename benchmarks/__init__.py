"""Benchmarks: ``python -m benchmarks``, which ``make bench`` runs."""

from importlib import import_module
from importlib.util import find_spec

# cimba adds methods to numba's records, and once numba has compiled anything it does not look for more: it comes first
if find_spec("cimba") is not None:
    import_module("cimba")
