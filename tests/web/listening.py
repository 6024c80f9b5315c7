"""An ear at the loudspeaker of a page, for tests."""

from __future__ import annotations

import re
import time
from typing import Any

TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) {
    if (window.ear?.context !== to.context) {
      window.ear = new AnalyserNode(to.context, { fftSize: 2048 });
    }
    connect.call(this, window.ear); // all that goes there, in one
  }
  return connect.call(this, to, ...rest);
};
"""

LISTEN = """
async (seconds) => {
  const heard = [], samples = new Float32Array(window.ear.fftSize);
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    window.ear.getFloatTimeDomainData(samples);
    heard.push(Math.hypot(...samples) / Math.sqrt(samples.length));
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return heard;
}
"""


def loudness(page: Any, seconds: float) -> list[float]:
    """RMS of the last 2,048 samples at the loudspeaker, again and again for so long."""
    return page.evaluate(LISTEN, seconds)


def until_text(page: Any, id: str, pattern: str, seconds: float = 10.0) -> str:
    """Wait until the text of an element matches; what it then is.

    The page's own policy forbids what Playwright would do to wait there.
    """
    end = time.monotonic() + seconds
    while not re.search(pattern, text := page.text_content(f"#{id}")):
        assert time.monotonic() < end, f"{id} is {text!r}, not {pattern!r}"
        page.wait_for_timeout(15)
    return text


def all_eight(page: Any) -> None:
    """Wait until each preview can be kept."""
    page.wait_for_selector(".tile:nth-child(8)")
    for i in range(1, 9):
        page.wait_for_selector(f".tile:nth-child({i}) .tile-keep:enabled")


def play(page: Any, model: str) -> None:
    """Choose a model, press play, and wait until it is heard."""
    if page.input_value("#model") != model:
        page.select_option("#model", model)
    page.click("#play")
    until_text(page, "first-sound", "ms")
