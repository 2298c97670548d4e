"""The frame: page config and navigation, nothing else. Start with: streamlit run app.py"""

from pathlib import Path

import streamlit as st

from pages import startup
from pages.menu import HOME, MENU

PAGES = {"": [st.Page(HOME, title="Home", icon=":material/home:", default=True)]} | {
    group: [st.Page(page.file, title=page.title, icon=page.symbol, url_path=page.name) for page in pages]
    for group, pages in MENU.items()
}

if __name__ == "__main__":  # for every visit
    st.set_page_config(page_title="pneumo", page_icon="🫁", layout="wide")
    st.html(Path(__file__).parent / "pages" / "shared" / "style.css")
    startup.run(st.navigation(PAGES))
else:
    # Once, when the server imports this file as an ASGI app. Without it Streamlit would take the folder pages/ for its old kind
    # of app until st.navigation had run, and a first visitor by a link would find no page.
    st.navigation(PAGES)
    app = st.App(__file__, lifespan=startup.lifespan)
