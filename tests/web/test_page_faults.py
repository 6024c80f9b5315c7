"""What goes wrong is one line in the page, with the cure, and play tries again."""

from __future__ import annotations

from typing import Any

from fake_server import Playing
from listening import play, until_text


def test_without_a_server_it_says_so_and_comes_back(context: Any, url: str) -> None:
    page = context.new_page()
    page.route("**/v1/models", lambda route: route.abort())
    page.goto(url)
    page.wait_for_selector("#error:visible")
    assert "does not answer" in page.inner_text("#error")
    assert "wavegen serve" in page.inner_text("#error")
    page.click("#play")
    page.wait_for_selector("#error:visible")
    page.unroute("**/v1/models")
    page.click("#play")
    until_text(page, "status", "^Playing$")
    assert page.is_hidden("#error")


def test_a_broken_connection_can_be_made_again(context: Any, url: str) -> None:
    page = context.new_page()
    broken: list[Any] = []

    def route(socket: Any) -> None:
        if broken:
            socket.connect_to_server()
            return
        broken.append(socket)
        socket.close(code=1013, reason="")

    page.route_web_socket("**/v1/stream", route)
    page.goto(url)
    page.wait_for_selector("#model:enabled")
    page.click("#play")
    page.wait_for_selector("#error:visible")
    assert page.inner_text("#error") == "The server is full. Try again in a moment."
    assert page.inner_text("#play-name") == "Play"
    play(page, "tone")
    assert page.is_hidden("#error")


def test_a_refused_prime_is_one_line(page: Any, playing: Playing) -> None:
    page.set_input_files("#prime", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"})
    page.wait_for_selector("#error:visible")
    assert page.inner_text("#error") == "the prime is no WAV file; give one that is"
    assert page.is_hidden("#prime-off")
    assert playing.messages == []
    page.complaints.clear()  # the browser itself writes down that the answer was 415
