"""The frame: page config and navigation, nothing else. Start with: streamlit run app.py"""

from pathlib import Path

import streamlit as st

from pages import startup

PAGES = {
    "": [st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)],
    "Clinic": [
        st.Page("pages/clinic/diagnose.py", title="Diagnose", icon=":material/pulmonology:", url_path="diagnose"),
        st.Page("pages/clinic/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
    ],
    "Evidence": [
        st.Page("pages/evidence/results.py", title="Results", icon=":material/monitoring:", url_path="results"),
        st.Page("pages/evidence/data.py", title="Data", icon=":material/database:", url_path="data"),
        st.Page("pages/evidence/model_cards.py", title="Model cards", icon=":material/badge:", url_path="model_cards"),
    ],
    "Generators": [
        st.Page(
            "pages/generators/autoencoder.py", title="Autoencoder", icon=":material/compress:", url_path="autoencoder"
        ),
        st.Page("pages/generators/gan.py", title="GAN", icon=":material/brush:", url_path="gan"),
    ],
    "Classroom": [
        st.Page(
            "pages/classroom/convolution.py", title="Convolution", icon=":material/grid_on:", url_path="convolution"
        ),
        st.Page("pages/classroom/network.py", title="Inside the network", icon=":material/layers:", url_path="network"),
        st.Page(
            "pages/classroom/gradcam.py", title="Grad-CAM", icon=":material/local_fire_department:", url_path="gradcam"
        ),
        st.Page("pages/classroom/shortcuts.py", title="Shortcut lab", icon=":material/science:", url_path="shortcuts"),
        st.Page("pages/classroom/you_first.py", title="You first", icon=":material/psychology:", url_path="you_first"),
        st.Page("pages/classroom/thresholds.py", title="Thresholds", icon=":material/balance:", url_path="thresholds"),
        st.Page(
            "pages/classroom/transfer.py", title="Transfer learning", icon=":material/move_down:", url_path="transfer"
        ),
    ],
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
