"""What the tests of several pages share."""

from streamlit.testing.v1 import AppTest

from pneumo import runs
from pneumo.inference import examples

TIMEOUT_S = 60
HOME = "pages/home.py"
AWAY = "pages/evidence/model_cards.py"  # AppTest would run Home, which lies in pages/ itself, as a page of Streamlit's old kind


def open_page(page: str = HOME) -> AppTest:
    """A page as a visitor finds it who comes by its link: Home is not run first."""
    app = AppTest.from_file(str(runs.REPOSITORY / "app.py"), default_timeout=TIMEOUT_S)
    return (app if page == HOME else app.switch_page(page)).run()


def leave_and_come_back(app: AppTest, page: str) -> AppTest:
    return app.switch_page(AWAY).run().switch_page(page).run()


def texts(elements) -> str:
    """The text of elements of one kind, a line each."""
    return "\n".join(str(element.value) for element in elements)


def words(app: AppTest) -> str:
    """What stands on the page in captions, Markdown and notes."""
    return " ".join(each.value for each in [*app.caption, *app.markdown, *app.info])


def tiles(app: AppTest) -> dict[str, str]:
    """The metrics by their labels."""
    return {metric.label: metric.value for metric in app.metric}


def buttons(app: AppTest, key: str):
    """A group of buttons (pills, segmented control) by its key."""
    return next(each for each in app.get("button_group") if each.key == key)


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Files given to Diagnose, (name, bytes) each."""
    app.file_uploader(key="diagnose.upload").set_value([(name, blob, "image/png") for name, blob in files])
    return app.run()


def phantoms(count: int = 2) -> list[tuple[str, bytes]]:
    """Phantoms as files to upload."""
    drawn = examples.phantom_examples()[:count]
    return [(f"phantom_{number}.png", example.data) for number, example in enumerate(drawn, 1)]
