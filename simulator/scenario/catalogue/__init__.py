"""Figures of hardware and models, each with its source: the built-in catalogue, and a user's own beside it."""

from simulator.scenario.catalogue.entries import (
    CONFIDENCES,
    Catalogue,
    Entry,
    Figure,
    built_in,
    catalogue_of,
    entries_named,
    read_catalogue,
)
from simulator.scenario.catalogue.resolve import catalogue_for, with_catalogue

__all__ = [
    "CONFIDENCES",
    "Catalogue",
    "Entry",
    "Figure",
    "built_in",
    "catalogue_for",
    "catalogue_of",
    "entries_named",
    "read_catalogue",
    "with_catalogue",
]
