"""The strategies: what is drawn for the checks and for tests of users, as objects and as written in a file."""
