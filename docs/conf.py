"""The site: ``make docs`` builds it, with warnings as errors."""

from importlib.metadata import version as version_of

project = "shardsim"
author = copyright = "the shardsim founders"
version = release = version_of("shardsim")

extensions = ["myst_parser", "sphinx_copybutton", "sphinx_design", "sphinx.ext.autodoc", "numpydoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
suppress_warnings: list[str] = []
nitpicky = False
autosummary_generate = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"shardsim {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = "$ "

linkcheck_timeout = 10
linkcheck_ignore = [r"https?://.*"]  # links inside the site are checked; others need a network


def setup(app: object) -> None:
    """Show the source of drawings that code hosts draw."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("mermaid", TextLexer)  # type: ignore[attr-defined]
