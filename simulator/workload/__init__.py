"""Arrivals and what queries bring with them, as arrays of integer nanoseconds and factors."""
