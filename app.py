"""The frame: page config and navigation, nothing else. Start with: streamlit run app.py"""

import streamlit as st

st.set_page_config(page_title="pneumo", page_icon="🫁", layout="wide")

PAGES = {
    "": [st.Page("pages/home.py", title="Home", icon=":material/home:", default=True)],
    "Clinic": [
        st.Page("pages/diagnose.py", title="Diagnose", icon=":material/pulmonology:", url_path="diagnose"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
    ],
    "Evidence": [
        st.Page("pages/evidence.py", title="Results", icon=":material/monitoring:", url_path="evidence"),
        st.Page("pages/data.py", title="Data", icon=":material/database:", url_path="data"),
        st.Page("pages/cards.py", title="Model cards", icon=":material/badge:", url_path="cards"),
    ],
    "Generators": [
        st.Page("pages/autoencoder.py", title="Autoencoder", icon=":material/compress:", url_path="autoencoder"),
        st.Page("pages/gan.py", title="GAN", icon=":material/brush:", url_path="gan"),
    ],
    "Classroom": [
        st.Page("pages/convolution.py", title="Convolution", icon=":material/school:", url_path="convolution")
    ],
}

st.navigation(PAGES).run()
