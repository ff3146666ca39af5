"""What is written: a type for every document, one module a family, and their JSON Schemas.

A document is what ``to_dict`` of an answer returns, what ``--format json`` prints and what files hold: plain values by
key, with the unit in the name of the key. Null is "not known", never 0; a key that may be missing is ``NotRequired``.
"""
