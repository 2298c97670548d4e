"""Every page for everyone: axe-core in both themes, no sideways scrolling on a phone, whole use by keyboard."""

import pytest

from benchmarks import browser

pytestmark = pytest.mark.e2e
LINKS = browser.links()
SERIOUS = ("serious", "critical")
# What Streamlit draws and no page can change: (rule of axe, selector of the elements, why).
STREAMLITS = (
    ("list", "[data-testid=stSidebarNavItems]", "the groups of the menu are <div> in its <ul>"),
    ("listitem", "[data-testid=stSidebarNavItems] li", "and the links of a group <li> in that <div>"),
)
# For each serious violation its impact, what axe says of it, and the HTML of the element.
AXE = """async excused => {
    const found = await axe.run({ resultTypes: ['violations'] });
    const shown = element => element.outerHTML.replace(/\\s+/g, ' ').slice(0, 160);
    return found.violations.flatMap(rule => rule.nodes.map(node => ({ rule, node, element: document.querySelector(node.target[0]) })))
        .filter(({ rule, element }) => !excused.some(([id, selector]) => id === rule.id && element?.matches(selector)))
        .map(({ rule, node, element }) => [rule.impact,
            `${rule.id}: ${[...node.any, ...node.all, ...node.none][0]?.message ?? rule.help}`, element ? shown(element) : `${node.target}`]);
}"""
# How far the page and what scrolls in it are wider than they show, and the widest elements.
SIDEWAYS = """() => {
    const main = document.querySelector('[data-testid=stMain]'), root = document.scrollingElement;
    const hidden = Math.max(root.scrollWidth - root.clientWidth, main.scrollWidth - main.clientWidth);
    const wide = [...main.querySelectorAll('*')].map(each => [each.getBoundingClientRect().right, each]).filter(([right]) => right > innerWidth);
    return [hidden, wide.sort((one, other) => other[0] - one[0]).slice(0, 3).map(([right, each]) => `${each.tagName} to ${Math.round(right)} px`)];
}"""
# The key of the widget that has the focus, in Streamlit's spelling; null where no widget with a key has it.
FOCUSED = """() => {
    const box = document.activeElement?.closest('[class*=st-key-]');
    return box ? [...box.classList].find(each => each.startsWith('st-key-')).slice('st-key-'.length) : null;
}"""


@pytest.fixture(scope="module")
def axe():
    """axe-core's script, as the package brings it."""
    return pytest.importorskip("axe_playwright_python.base").AXE_SCRIPT


def serious(page, axe) -> list[str]:
    """One line for each thing that axe says, with the number of elements it says it of and the first of them."""
    page.evaluate(axe)
    elements = {}
    for impact, says, html in page.evaluate(AXE, [[rule, selector] for rule, selector, _ in STREAMLITS]):
        if impact in SERIOUS:
            elements.setdefault(says, []).append(html)
    return [f"{says}; {len(found)} elements, the first {found[0]}" for says, found in sorted(elements.items())]


def test_the_menu_has_the_pages_that_are_tested(page):
    browser.wait_complete(page)
    menu = page.locator("[data-testid=stSidebarNavLink]")
    paths = [menu.nth(n).get_attribute("href").rstrip("/").rsplit("/", 1)[-1] for n in range(menu.count())]
    titles = [text.strip() for text in menu.locator("[data-testid=stMarkdownContainer], span[label]").all_inner_texts()]
    assert sorted(link.path for link in LINKS if link.path) == sorted(
        path for path in paths if path and ":" not in path
    )
    assert len(paths) == len(LINKS), titles


def open_expanders(page) -> None:
    closed = page.locator("[data-testid=stMain] details:not([open]) > summary").filter(visible=True)
    if count := closed.count():
        for _ in range(count):
            closed.first.click()
        browser.wait_complete(page)


def tabs(page):
    """Goes through the tabs or sections of the page; yields the title of each while it is open, "" where there are none."""
    found = page.locator("[data-testid=stMain] :is([role=tab], [class*=-section] button)").filter(visible=True)
    for n in range(found.count()):
        found.nth(n).click()
        browser.wait_complete(page)
        yield found.nth(n).inner_text().strip()
    if not found.count():
        yield ""


def sideways(page) -> list[str]:
    hidden, widest = page.evaluate(SIDEWAYS)
    return [f"scrolls sideways by {hidden} px: {', '.join(widest)}"] if hidden > 0 else []


def loses_focus(page) -> list[str]:
    """Whether the first slider of the page keeps the focus when an arrow moves it and the page follows."""
    slider = page.locator("[data-testid=stMain] input[type=range]").filter(visible=True)
    if not slider.count():
        return []
    slider.first.focus()
    at_its_end = page.evaluate("document.activeElement.value === document.activeElement.max")
    page.keyboard.press("ArrowLeft" if at_its_end else "ArrowRight")
    page.wait_for_timeout(browser.SETTLED_MS)  # the script starts only now: until then the page looks complete
    browser.wait_complete(page)
    return (
        []
        if page.evaluate(FOCUSED)
        else ["a slider loses the focus when it is moved: the page is built anew around it"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
def test_a_page_is_for_everyone(app, new_page, axe, link):
    page = new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    browser.open_page(page, app, link)
    faults = loses_focus(page)
    open_expanders(page)
    faults += [f"light: {each}" for each in serious(page, axe)]
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === 'dark'")
    for tab in tabs(page):
        open_expanders(page)
        faults += [f"dark, on a phone: {tab} {each}" for each in serious(page, axe) + sideways(page)]
    assert page.locator(browser.ERROR).count() == 0, f"{link.name} shows an error"
    assert not faults, f"{link.name}:\n" + "\n".join(dict.fromkeys(faults))
    assert page.errors == []


def test_diagnose_by_keyboard_alone(app, new_page):
    """Tab reaches what one needs, in this order of the page or another; arrows move the threshold."""
    page = new_page()
    browser.open_page(page, app, next(link for link in LINKS if link.name == "diagnose"))
    wanted = {"diagnose-upload", "diagnose-run", "diagnose-threshold", "diagnose-heat"}
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        if (key := page.evaluate(FOCUSED)) and key not in reached:
            reached.append(key)
        missing = {name for name in wanted if not any(each.startswith(name) for each in reached)}
        if key == "diagnose-threshold" and "moved" not in reached:
            value = "document.activeElement.value"
            before = float(page.evaluate(value))
            page.keyboard.press("ArrowRight" if before < 0.5 else "ArrowLeft")
            assert float(page.evaluate(value)) == pytest.approx(before + (0.001 if before < 0.5 else -0.001))
            reached.append("moved")
            page.wait_for_timeout(browser.SETTLED_MS)
            browser.wait_complete(page)
            assert page.evaluate(FOCUSED) == key, "the focus is lost when the page follows"
        if not missing:
            break
    assert page.locator(browser.ERROR).count() == 0
    assert missing == set(), f"Tab reached only {reached}"
    assert page.errors == []
