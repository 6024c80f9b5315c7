// The eight previews as tiles: a small picture of each, to be heard or kept.

import { colours, Pane } from "./canvas.js";
import { VOICES } from "./notes.js";

export class Tiles {
  #list = document.getElementById("tiles");
  #tiles = [];

  /** `on.hear(voice)` and `on.keep(voice)` when a tile is pressed. */
  constructor(on) {
    this.on = on;
  }

  /** Show empty tiles for that many voices, which will have `steps` each. */
  open(voices, steps) {
    this.#tiles = Array.from({ length: voices }, (_, voice) => new Tile(voice, steps, this.on));
    this.#list.replaceChildren(...this.#tiles.map((tile) => tile.item));
    this.#list.hidden = false;
  }

  close() {
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#tiles = [];
  }

  /** Draw them: `feeds` have pieces, `heard` is the step that sounds of voice `active`. */
  draw(feeds, active, heard) {
    this.#tiles.forEach((tile, voice) => tile.draw(feeds[voice], voice === active ? heard : null));
  }
}

class Tile {
  #pane = new Pane();
  #steps;
  #drawn = "";

  constructor(voice, steps, on) {
    this.#steps = steps;
    this.item = document.createElement("li");
    this.item.className = "tile";
    this.hear = document.createElement("button");
    this.hear.type = "button";
    this.hear.className = "tile-hear";
    this.hear.setAttribute("aria-label", `Hear preview ${voice + 1}`);
    this.hear.setAttribute("aria-pressed", "false");
    this.hear.disabled = true;
    const number = document.createElement("span");
    number.className = "tile-number";
    number.textContent = voice + 1;
    this.hear.append(number, this.#pane.canvas);
    this.keep = document.createElement("button");
    this.keep.type = "button";
    this.keep.className = "tile-keep";
    this.keep.textContent = "Keep";
    this.keep.setAttribute("aria-label", `Keep preview ${voice + 1} and go on from it`);
    this.keep.disabled = true;
    this.item.append(this.hear, this.keep);
    this.hear.addEventListener("click", () => on.hear(voice));
    this.keep.addEventListener("click", () => on.keep(voice));
  }

  draw(feed, heard) {
    if (!feed) return;
    const isOn = heard !== null;
    const state = [feed.made, heard, this.#pane.width, colours.accent].join();
    if (state === this.#drawn) return; // most tiles, most of the time
    this.#drawn = state;
    this.hear.disabled = this.keep.disabled = !feed.isReady;
    this.hear.setAttribute("aria-pressed", String(isOn));
    this.item.toggleAttribute("data-on", isOn);
    const context = this.#pane.wiped();
    const { width, height } = this.#pane;
    const x = (step) => ((step - feed.first) / this.#steps) * (width - 8);
    const place = { context, x, height, heard: heard ?? Infinity };
    for (const piece of feed.pieces) (piece.rows ? drawNotes : drawSound)(piece, place);
    if (!isOn) return;
    context.globalAlpha = 1;
    context.fillStyle = colours.ink;
    context.fillRect(Math.min(width - 2, x(heard)), 4, 1.5, height - 8);
  }
}

function drawSound({ first, sound }, { context, x, height, heard }) {
  const perPixel = 1 / (x(first + 1) - x(first)), n = Math.max(1, Math.round(perPixel * 2));
  for (let from = -first % n; from < sound.length; from += n) {
    let loudest = 0;
    for (let i = Math.max(0, from); i < Math.min(from + n, sound.length); i++) loudest = Math.max(loudest, Math.abs(sound[i]));
    const tall = Math.max(1, Math.min(1, loudest * 1.3) * (height - 10));
    const isHeard = heard !== Infinity && first + from <= heard;
    context.fillStyle = isHeard ? colours.accent : colours.soft;
    context.globalAlpha = isHeard ? 1 : 0.8;
    context.fillRect(x(first + from), (height - tall) / 2, 1.3, tall);
  }
}

function drawNotes({ first, rows }, { context, x, height, heard }) {
  rows.forEach(({ on, hold }, i) => {
    for (const voice of VOICES) {
      const pitch = on[voice] ?? hold[voice];
      if (pitch === undefined) continue;
      const y = ((84 - pitch) / 48) * (height - 8) + 2;
      const gap = on[voice] === undefined ? 0 : 1;
      context.fillStyle = colours[voice];
      context.globalAlpha = heard === Infinity || first + i <= heard ? 1 : 0.5;
      context.fillRect(x(first + i) + gap, y, x(1) - x(0) - gap + 0.5, 2.5);
    }
  });
}
