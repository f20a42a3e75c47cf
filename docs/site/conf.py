"""The documentation site: the documents, the stored notebooks and the docstrings. Built by ``.ci/site``."""

import shutil
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx import addnodes
from sphinx.application import Sphinx

from tinygrad_edu import __version__

ROOT = Path(__file__).parent.parent.parent
FOLDERS = {"docs/pages": "docs/pages/index.html", "notebooks": "notebooks/01_three_layer_network.html"}

project = "tinygrad_edu"
author = "The tinygrad_edu authors"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# The source folder is the whole repository, so that the links between its documents lead to the same files.
root_doc = "docs/site/index"
include_patterns = ["*.md", "docs/*.md", "docs/site/*.md", "benchmarks/*.md", "notebooks/*.ipynb"]

myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"  # the tests run the notebooks and compare; here is what is stored
nb_ipywidgets_js = {}  # nothing is loaded from elsewhere
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_use_ivar = True  # an attribute is described once
html_theme = "furo"
html_title = f"tinygrad_edu {__version__}"
html_show_copyright = False  # LICENSE says it
html_extra_path = ["start"]
html_math_renderer = "mathml"


def _math(self, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which needs no script, as the library's own pages do."""
    if isinstance(node, nodes.math_block):
        formula = convert(node.astext(), display="block")
        fitted = formula.replace("<math ", '<math style="width: max-content; margin: auto" ', 1)
        self.body.append(f'<div style="overflow-x: auto">{fitted}</div>\n')
    else:
        self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _link_pages(app: Sphinx, document: nodes.document) -> None:
    """Open the live pages in place of downloading them, and of a folder its first page."""
    for link in [*document.findall(addnodes.download_reference), *document.findall(addnodes.pending_xref)]:
        target = FOLDERS.get(link["reftarget"], link["reftarget"])
        if target.endswith(".html"):
            file = (Path(document["source"]).parent / target).resolve().relative_to(ROOT)
            up = "../" * app.env.docname.count("/")
            link.replace_self(nodes.reference("", "", *link.children, refuri=up + file.as_posix()))


def _copy_pages(app: Sphinx, error: Exception | None) -> None:
    if error is None:
        shutil.copytree(ROOT / "docs/pages", app.outdir / "docs/pages", dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    """Register what is special here."""
    app.add_html_math_renderer("mathml", inline_renderers=(_math, None), block_renderers=(_math, None))
    app.connect("doctree-read", _link_pages, priority=100)  # before what is downloaded is collected
    app.connect("build-finished", _copy_pages)
