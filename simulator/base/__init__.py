"""What everything rests on: units, errors, pieces of a cost, hardware."""
