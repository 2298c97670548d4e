"""Every page through AppTest, on the runs in the repository; and what the tests of single pages share."""

import pytest
from streamlit.testing.v1 import AppTest

from pneumo import runs
from pneumo.inference import examples

TIMEOUT_S = 60
PAGES = (
    "pages/home.py",
    "pages/clinic/diagnose.py",
    "pages/evidence/results.py",
    "pages/classroom/convolution.py",
)


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S).run()
    return app if page == "pages/home.py" else app.switch_page(page).run()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in files])
    return app.run()


def texts(elements) -> str:
    return "\n".join(str(element.value) for element in elements)


def tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def leave_and_come_back(app: AppTest, page: str) -> AppTest:
    # Not to Home: as a file directly in pages/ AppTest would open it without the navigation.
    return app.switch_page("pages/evidence/model_cards.py").run().switch_page(page).run()


def phantoms(count: int = 2) -> list[tuple[str, bytes]]:
    """Files to upload."""
    drawn = examples.phantom_examples()[:count]
    return [(f"phantom_{number}.png", example.data) for number, example in enumerate(drawn, 1)]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_an_exception(page):
    app = open_page(page)
    assert not app.exception
    assert len(app.title) == 1


def test_home_names_the_default_run_with_its_figures_and_the_disclaimer():
    app, card = open_page("pages/home.py"), runs.load().card
    assert "Not a medical device" in texts(app.warning)
    assert card.name in texts(app.markdown)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["AUROC"] == f"{card.metrics['test'].auroc:.3f}"
    assert shown["Sensitivity"] == f"{card.metrics['test'].sensitivity:.1%}", (
        "a share is written as on every other page"
    )
    assert all(limit in texts(app.markdown) for limit in card.limits)


@pytest.mark.parametrize("page", PAGES[:3])
def test_without_a_usable_run_a_page_says_what_to_do(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(tmp_path))
    app = open_page(page)
    assert not app.exception
    assert "No model can be used" in texts(app.error)


def test_evidence_follows_the_part():
    app, card = open_page("pages/evidence/results.py"), runs.load().card
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['test'].auroc:.3f}"
    app.get("button_group")[0].set_value("validation").run()
    assert {m.label: m.value for m in app.metric}["AUROC"] == f"{card.metrics['validation'].auroc:.3f}"
    assert not app.exception


def test_the_place_of_the_window_outlasts_a_look_at_another_page():
    app = open_page("pages/classroom/convolution.py")
    app.slider(key="convolution.row").set_value(3).run()
    app.button(key="convolution.step").click().run()
    app.selectbox(key="convolution.picture").set_value(2).run()
    app = leave_and_come_back(app, "pages/classroom/convolution.py")
    assert (app.slider(key="convolution.row").value, app.slider(key="convolution.column").value) == (3, 7)
    assert app.selectbox(key="convolution.picture").value == 2
