"""The checks: each kind of thing held against the laws of its group."""
