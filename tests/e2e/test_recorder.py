"""What the benchmark of the pages sees of an interaction, on a page whose every change is known."""

import pytest

from benchmarks import browser, interactions
from benchmarks.interactions import Control, Visitor

pytestmark = pytest.mark.e2e
# As Streamlit builds a page, as far as the recorder looks at it: the slider's own value follows at once, one element is marked
# as left over and gets its text 150 ms later, the label changes after 300 ms, and the second element never.
PAGE = """
<div data-testid="stApp" data-test-script-state="notRunning"><section data-testid="stMain"><h1>Title</h1>
  <div class="st-key-demo-slider" data-testid="stElementContainer"><input type="range" min="0" max="9" value="5"><output>5</output></div>
  <div data-testid="stElementContainer" id="follows">before</div>
  <div data-testid="stElementContainer" id="stays">the same</div>
  <p style="font-size: 30px" id="label">● NORMAL</p>
</section></div>
<script>
  const app = document.querySelector('[data-testid=stApp]'), follows = document.getElementById('follows');
  document.querySelector('input').addEventListener('input', event => {
    document.querySelector('output').textContent = event.target.value;
    app.dataset.testScriptState = 'running';
    follows.dataset.stale = 'true';
    setTimeout(() => { follows.textContent = event.target.value; window.followed = performance.now(); follows.dataset.stale = 'false'; }, 150);
    setTimeout(() => {
      const label = document.getElementById('label');
      if (event.target.value > 7) { label.textContent = '▲ PNEUMONIA'; window.labelled = performance.now(); }
      app.dataset.testScriptState = 'notRunning';
    }, 300);
  });
</script>"""
SLIDER = Control("demo.slider", interactions.SLIDER)


@pytest.fixture
def visitor(new_page, monkeypatch):
    monkeypatch.setattr(interactions, "NOTHING_MS", 500)
    page = new_page()
    page.set_content(PAGE)
    browser.wait_complete(page, timeout_s=10)
    return Visitor(page, None, "demo")


def test_the_last_change_outside_the_control_is_the_end(visitor):
    slider = visitor.find(SLIDER)
    seen = visitor.time(SLIDER, lambda: slider.press("ArrowRight"))
    assert (
        140 < seen["ms"] < 290
    )  # a busy machine may be late by more than the label needs: then 300 would be wrong too
    assert (seen["redrawn"], seen["elements"]) == (1, 3)


def test_the_label_in_words_is_the_end_where_it_is_watched(visitor):
    slider = visitor.find(SLIDER)
    assert visitor.time(SLIDER, lambda: slider.press("ArrowRight"), "label") is None  # at 6 it stays NORMAL
    seen = visitor.time(SLIDER, lambda: slider.press("End"), "label")
    changed = visitor.page.evaluate("labelled - recorded.start")
    assert changed <= seen["ms"] <= changed + 500  # in the next frame, which a busy machine may draw late


# A grey square as PNG; another one comes 100 ms after the click, and a last change 200 ms after that.
RESULT = """
<div data-testid="stApp" data-test-script-state="notRunning"><section data-testid="stMain"><h1>Title</h1>
  <button>read</button><canvas hidden width="40" height="40"></canvas><img width="40" height="40" alt="">
  <p style="font-size: 30px">● NORMAL</p><p id="last">before</p>
</section></div>
<script>
  const app = document.querySelector('[data-testid=stApp]'), canvas = document.querySelector('canvas');
  const draw = grey => {
    canvas.getContext('2d').fillStyle = grey;
    canvas.getContext('2d').fillRect(0, 0, 40, 40);
    document.querySelector('img').src = canvas.toDataURL();
  };
  draw('#333');
  document.querySelector('button').addEventListener('click', () => {
    app.dataset.testScriptState = 'running';
    setTimeout(() => { window.drawn = performance.now(); draw('#999'); }, 100);
    setTimeout(() => {
      document.getElementById('last').textContent = 'after';
      window.ended = performance.now();
      app.dataset.testScriptState = 'notRunning';
    }, 300);
  });
</script>"""


def test_a_result_is_there_with_its_image_and_not_only_at_the_end(new_page):
    page = new_page()
    page.set_content(RESULT)
    browser.wait_complete(page, timeout_s=10)
    seen = Visitor(page, None, "demo").time(None, page.locator("button").click, "result")
    drawn, ended = page.evaluate("[drawn - recorded.start, ended - recorded.start]")
    assert drawn <= seen["ms"] < ended + 500  # in the frame after it; a busy machine may draw that late
    assert page.evaluate("recorded.last") >= page.evaluate("ended")


def test_a_control_that_is_missing_is_said_to_be(visitor):
    with pytest.raises(interactions.ControlError, match="not found"):
        visitor.find(Control("demo.other", "button"))
