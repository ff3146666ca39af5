"""What people read: an answer as a table, as JSON or as a figure, by its document; and the files that are written.

``answers`` has one way of showing any answer; a module a document has its table (``run.run_table``) or its figure.
"""
