"""The book: MyST notebooks that live in the packages, built by Sphinx into one folder of files.

From the root of the repository:

    npm ci --prefix book
    uv run --group docs sphinx-build -j 2 -W --keep-going book _build/site
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))
# Chapters draw with book/figures.py: their kernels find `book` in the root.
paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))

project = html_title = "Inside Out"
exclude_patterns = ["node_modules", "_src"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_exercise",
    "sphinx_togglebutton",
    "bookmath",
    "bookbuild",
]

# Chapters. A failing cell is a warning, so -W ends the build after all of them have run.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_cache_path = str(HERE.parent / "_build" / "nbcache")
nb_merge_streams = True
numfig = True
numfig_secnum_depth = 2
math_numfig = True

# References. Every name in backticks and every link must lead somewhere in the book, except to the
# libraries we stand on, whose documentation is on other hosts.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!gpt|handcalc|finetune|reasoning|diffusion).*|.*\.Annotated.*"),
    ("py:.*", r"handcalc\.arrays\.layers\.(Result|Rows|LayerWeights)"),  # stand for any type
    ("py:.*", r"(gpt|finetune|reasoning|diffusion)\..*\._[A-Z]\w*"),  # type variables
    ("py:.*", r"gpt\.policy\.policy\.GPTClass|gpt\.runs\.options\.Options"),
]
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
viewcode_follow_imported_members = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["katex.min.css", "book.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
