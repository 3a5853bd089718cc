"""The page's template browser as a user meets it: opened, a card chosen, Run pressed."""

import numpy as np
import pytest
from fitting_room.services.engine import failure
from pages import shot
from test_apps import forget, photos, press_run, shown, twin_of, upload
from test_browser import APPS, FOLDER
from test_browser import NAMES as WORKFLOWS

CARDS = '[data-testid^="template-workflow-"]'


@pytest.fixture
def templates(page):
    """The browser with this package's templates in it; gives the card of a template."""
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Templates").click()
    page.get_by_text(FOLDER, exact=True).click()
    page.locator(CARDS).first.wait_for()

    def card(name):
        found = page.locator(f'[data-testid="template-workflow-{name}"]')
        for _ in range(40):  # cards come while one scrolls
            if found.count():
                break
            page.locator(CARDS).last.scroll_into_view_if_needed()
            page.wait_for_timeout(200)
        found.scroll_into_view_if_needed()
        return found

    return card


def test_every_template_is_there_with_its_thumbnail_and_badge(page, templates):
    for name in WORKFLOWS + APPS:
        card = templates(name)
        picture = card.locator("img")
        picture.wait_for()
        page.wait_for_function("image => image.naturalWidth > 100", arg=picture.element_handle())
        badge = "App" if name in APPS else "Node graph"
        assert card.get_by_text(badge, exact=True).count() == 1, name
    shot(page, "templates")


def test_only_apps_are_shown_where_only_apps_are_wanted(page, templates):
    page.get_by_test_id("template-filter-bar").get_by_text("App", exact=True).click()
    templates(APPS[0])
    assert templates("preview_try_on.app").is_visible()
    assert page.get_by_test_id("template-workflow-preview_try_on").count() == 0
    shot(page, "templates-apps")


def test_an_app_is_opened_and_run_from_there(page, engine, graph, templates):
    templates("preview_try_on.app").click()
    page.get_by_test_id("builder-widget-label").first.wait_for()
    page.wait_for_timeout(1500)
    page.keyboard.press("Escape")  # the page's own welcome
    page.wait_for_timeout(500)
    for place, name in enumerate(("person.jpg", "stripes.png")):
        upload(page, place, name)
    history = press_run(page, engine)
    assert failure(history) is None, failure(history)
    page.wait_for_timeout(2000)
    shot(page, "templates-run")
    forget(engine)
    assert len(photos("preview_try_on")) == 2
    wanted = shown(engine, engine.run(twin_of(graph, "preview_try_on")))
    made = shown(engine, history)
    assert made.keys() == wanted.keys()
    for node, pictures in wanted.items():
        for one, other in zip(made[node], pictures, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_workflow_is_opened_from_there(page, templates):
    templates("views_pose_transfer").click()
    page.wait_for_function(
        "() => window.app.graph.nodes.some(n => n.type === 'FittingRoomPoseTransfer')"
    )
    assert page.complaints == []
