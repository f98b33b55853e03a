"""How Sphinx builds the site: ``tox run -e docs``. Imports ``scaleproof`` and ``tools.site``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import scaleproof  # noqa: E402

project = "scaleproof"
author = "the scaleproof developers"
copyright = f"2026, {author}"  # what Sphinx calls it
version = release = scaleproof.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
    "tools.site",
]
root_doc = "index"
# What is generated has another name than what is written.
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".markdown": "markdown"}
myst_heading_anchors = 4
nitpicky = False

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": False}
autodoc_use_type_comments = False
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "scaleproof"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
templates_path = ["templates"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
