"""Serves the app: `python -m tagger.ui.serve --server.port 8501`.

Streamlit takes a folder named `pages` beside the main script for pages of the old kind until `st.navigation` has run
once in the process; a bookmark opened on a fresh server would then show a page without its navigation.
"""

from __future__ import annotations

import sys

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

from tagger.config import CHECKOUT


def main() -> None:
    """Hand over to Streamlit with the options of the command line."""
    PagesManager.uses_pages_directory = False
    sys.argv = ["streamlit", "run", str(CHECKOUT / "app.py"), *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
