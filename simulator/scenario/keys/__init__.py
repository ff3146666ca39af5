"""Every key of a scenario, explained: what it says and takes, an example, and the error of a wrong value."""
