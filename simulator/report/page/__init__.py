"""An answer as one HTML file: its tables, interactive figures, scenario and provenance; nothing else is loaded.

``write`` makes the page; its words and tables are those of the text output, its figures are plain values (``charts``)
that ``page.js`` draws with the library that ``library`` finds.
"""
