"""Settings of the documentation site, which Sphinx reads."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.ext.napoleon.docstring import GoogleDocstring

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from house import PICTURE, write_picture  # noqa: E402
from reference import write_pages  # noqa: E402

project = "BNPO"
author = "BNPO developers"
copyright = author  # noqa: A001

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["**/.ipynb_checkpoints"]
nb_execution_mode = "off"  # pages show the outputs that the notebooks are kept with
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {
    name: name
    for name in ("Count", "Fraction", "NonNegative", "Positive", "Scale", "Sizes", "Steps")
}
add_module_names = False
default_role = "code"

html_theme = "furo"
html_title = "BNPO"
html_show_sphinx = False
html_show_copyright = False
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
copybutton_exclude = ".linenos, .gp, .go"


def write_inline(page: Any, node: nodes.math) -> None:
    """Write a formula within a line as MathML, which needs no script and no other host."""
    page.body.append(convert(node.astext()))
    raise nodes.SkipNode


def write_block(page: Any, node: nodes.math_block) -> None:
    """Write a formula of its own line as MathML."""
    page.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def read_docstring(
    _app: Any, what: Any, name: str, obj: object, _options: object, lines: list[str]
) -> None:
    """Turn the sections of a Google docstring into fields; let | x | be an absolute value.

    The docstring of a field has no sections: Napoleon would take what stands before its first colon
    for a type.
    """
    if what not in {"attribute", "data", "property"}:
        lines[:] = GoogleDocstring(lines, what=what, name=name, obj=obj).lines()
    parts = re.split(r"(``.*?``|`.*?`)", "\n".join(lines))
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def write_sources(_: Any) -> None:
    """Write what the site is made of beside its own pages: the picture and the reference."""
    write_picture(PICTURE)
    write_pages(HERE / "api")


def setup(app: Any) -> None:
    """Know formulas and docstrings; write pages before Sphinx looks for them."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("builder-inited", write_sources)
