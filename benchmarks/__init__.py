"""Benchmarks: ``python -m benchmarks``, which ``make bench`` runs."""
