"""A page on this machine with a scenario's knobs: what can be turned, what is answered, who may ask."""
