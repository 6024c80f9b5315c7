// The piano roll: four voices in four colours, moving past the present.

import { colours, Pane } from "./canvas.js";
import { Score, VOICES } from "./notes.js";
import { Timeline } from "./timeline.js";

const SECONDS = 16;
const LOWEST = 42, HIGHEST = 79; // what choirs sing; it widens where a note is beyond
const NAMES = 32; // height of the line that names the voices
const BLACK = [1, 3, 6, 8, 10];

export class Roll {
  score = new Score();
  #rate;
  #range = [LOWEST, HIGHEST];

  constructor(rate) {
    this.pane = new Pane("Piano roll of four voices: soprano, alto, tenor and bass");
    this.#rate = rate;
  }

  write(steps, first) {
    this.score.write(steps, first);
    for (const { on, hold } of steps) {
      for (const pitch of [...Object.values(on), ...Object.values(hold)]) {
        this.#range = [Math.min(this.#range[0], pitch - 2), Math.max(this.#range[1], pitch + 2)];
      }
    }
  }

  cut(step) {
    this.score.cut(step);
  }

  draw(position, marks) {
    const context = this.pane.wiped();
    const { width, height } = this.pane;
    const [low, high] = this.#range;
    const row = (height - NAMES - 26) / (high - low + 1); // seconds stand below
    const y = (pitch) => NAMES + (high - pitch) * row;
    const time = new Timeline(width, SECONDS * Math.min(1, width / 640 + 0.1), this.#rate, position);
    this.#drawPaper(context, y, row);
    this.#drawBeats(context, time, y(high), y(low) + row);
    time.drawSeconds(context, height, 2, true, NAMES);
    time.drawMarks(context, height, marks, NAMES);
    time.drawNow(context, height, NAMES);
    this.#drawNotes(context, time, y, row);
    for (let pitch = Math.ceil(low / 12) * 12; pitch <= high; pitch += 12) {
      time.drawHeight(context, `C${pitch / 12 - 1}`, y(pitch) + row / 2);
    }
    this.#drawNames(context);
  }

  #drawPaper(context, y, row) {
    const { width } = this.pane;
    const [low, high] = this.#range;
    for (let pitch = low; pitch <= high; pitch++) {
      if (BLACK.includes(pitch % 12)) {
        context.fillStyle = colours.line;
        context.globalAlpha = 0.28;
        context.fillRect(0, y(pitch), width, row);
        context.globalAlpha = 1;
      }
      if (pitch % 12) continue;
      context.fillStyle = colours.line;
      context.fillRect(0, Math.round(y(pitch) + row), width, 1);
    }
  }

  #drawBeats(context, time, top, bottom) {
    const [first, last] = time.range;
    context.fillStyle = colours.line;
    context.globalAlpha = 0.5;
    for (let step = Math.ceil(first / 4) * 4; step <= last; step += 4) {
      context.fillRect(Math.round(time.x(step)), top, 1, bottom - top);
    }
    context.globalAlpha = 1;
  }

  #drawNotes(context, time, y, row) {
    const [first, last] = time.range;
    const { notes } = this.score;
    const thick = Math.max(3, row - 1.5), radius = Math.min(3, thick / 2);
    for (let i = notes.length - 1; i >= 0; i--) {
      const { voice, pitch, start, end } = notes[i];
      if (start > last) continue;
      if (end < first - 400) break; // no note is that long
      const left = time.x(start), right = time.x(end) - 1.5;
      const sounds = start <= time.position && time.position < end;
      context.fillStyle = colours[voice];
      context.globalAlpha = start > time.position ? 0.38 : sounds ? 1 : 0.78;
      context.beginPath();
      context.roundRect(left, y(pitch) + (row - thick) / 2, Math.max(2, right - left), thick, radius);
      context.fill();
      if (!sounds) continue;
      context.globalAlpha = 0.25; // what sounds shines a little
      context.beginPath();
      context.roundRect(left - 3, y(pitch) + (row - thick) / 2 - 3, right - left + 6, thick + 6, radius + 3);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #drawNames(context) {
    let x = 16;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const voice of VOICES) {
      const name = voice[0].toUpperCase() + voice.slice(1);
      context.fillStyle = colours[voice];
      context.beginPath();
      context.roundRect(x, 12, 8, 8, 2.5);
      context.fill();
      context.fillStyle = colours.soft;
      context.fillText(name, x + 13, 16.5);
      x += 13 + context.measureText(name).width + 16;
    }
  }
}
