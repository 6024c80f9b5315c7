"""The page without a mouse, without eyes, on a phone, by day and by night."""

from __future__ import annotations

import re
from typing import Any

from fake_server import MODELS, Playing
from listening import all_eight, play, until_text

NAMED = {"button", "slider", "spinbutton", "combobox", "textbox", "image", "form", "region"}


def test_space_plays_and_stops(page: Any, playing: Playing) -> None:
    page.keyboard.press("Space")
    until_text(page, "first-sound", "ms")
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Space")
    until_text(page, "status", "Stopped")
    page.focus("#play")
    page.keyboard.press("Space")  # of the button itself, once
    until_text(page, "status", "^Playing$")


def test_all_can_be_reached_by_keyboard_and_seen(still_page: Any) -> None:
    seen: list[str] = []
    for _ in range(20):
        still_page.keyboard.press("Tab")
        id, outline = still_page.evaluate(
            "(() => { const e = document.activeElement; const box = e.id === 'prime' ?"
            " document.querySelector('.drop-label') : e; const s = getComputedStyle(box);"
            " return [e.id || e.textContent, s.outlineStyle + ' ' + s.outlineWidth]; })()"
        )
        if id in seen or id.startswith("\n"):
            break  # round, or out of the page
        seen.append(id)
        assert outline == "solid 2px", id
    wanted = [
        "model",
        "play",
        "branch",
        "temperature",
        "top-p",
        "seed",
        "dice",
        "label",
        "prime",
        "WAV",
    ]
    assert [each for each in seen if each != "Skip to play"] == wanted


def test_previews_need_no_mouse(page: Any) -> None:
    play(page, "tone")
    page.focus("#branch")
    page.keyboard.press("Enter")
    all_eight(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tile:first-child .tile-hear[aria-pressed=true]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until_text(page, "status", "^Way 1")
    assert page.evaluate("document.activeElement.id") == "play"  # not lost with its tile


def test_everything_has_a_name(still_page: Any) -> None:
    for model in ("tone", "hymn", "walk"):
        still_page.select_option("#model", model)
        check_names(still_page)


def check_names(page: Any) -> None:
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    nameless = [
        node
        for node in nodes
        if node.get("role", {}).get("value", "").lower() in NAMED
        and not node.get("ignored")
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    roles = {node.get("role", {}).get("value") for node in nodes}
    assert {"status", "slider", "button", "heading"} <= roles
    assert page.locator("#stage canvas[role=img][aria-label]").count() in (1, 2)


def test_narrow_screens_scroll_down_only(page: Any) -> None:
    for model in ("hymn", "walk", "tone"):
        page.select_option("#model", model)
        check_widths(page)
    play(page, "tone")
    page.click("#branch")
    all_eight(page)
    check_widths(page)


def check_widths(page: Any) -> None:
    for width in (320, 360, 390, 600, 768, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_contrast_is_enough(still_page: Any) -> None:
    for scheme in ("dark", "light"):
        still_page.emulate_media(color_scheme=scheme)
        check_contrast(still_page)


def check_contrast(page: Any) -> None:
    for front, back, least in (
        ("ink", "ground", 7),
        ("soft", "ground", 4.5),
        ("soft", "panel", 4.5),
        ("accent", "ground", 4.5),
        ("accent", "panel", 4.5),
        ("on-accent", "accent", 4.5),
        ("wrong", "ground", 4.5),
        ("edge", "panel", 3),
        ("soprano", "panel", 3),
        ("alto", "panel", 3),
        ("tenor", "panel", 3),
        ("bass", "panel", 3),
    ):
        light, dark = sorted((luminance(page, front), luminance(page, back)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, (front, back)


def luminance(page: Any, name: str) -> float:
    """Relative luminance of a colour of the page (WCAG 2)."""
    style = "getComputedStyle(document.documentElement).getPropertyValue"
    colour = page.evaluate(f"{style}('--{name}').trim()")
    assert re.fullmatch("#[0-9a-f]{6}", colour), colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_all_kinds_are_tried_here() -> None:
    assert {each.kind for each in MODELS.values()} == {"samples", "notes", "values"}
