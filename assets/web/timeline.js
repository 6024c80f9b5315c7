// The moving axis of time that waveform, spectrogram and roll share.

import { colours } from "./canvas.js";

const NOW = 0.76; // where on the width the present comes to stand; what is made ahead is right of it
const EDGE = 16; // where it begins
const still = matchMedia("(prefers-reduced-motion: reduce)"); // then pages turn, and nothing scrolls

/** Places of steps on a pane while step `position` is heard. */
export class Timeline {
  constructor(width, seconds, rate, position) {
    this.width = width;
    this.rate = rate;
    this.position = position;
    this.perStep = width / (seconds * rate);
    const most = width * NOW, whole = (most - EDGE) / this.perStep; // steps from the edge to there
    const moved = still.matches ? (position % whole) * this.perStep : position * this.perStep;
    this.now = Math.round(Math.min(most, EDGE + moved));
  }

  x(step) {
    return this.now + (step - this.position) * this.perStep;
  }

  step(x) {
    return this.position + (x - this.now) / this.perStep;
  }

  /** First and last step that can be seen. */
  get range() {
    return [Math.max(0, this.step(0)), this.step(this.width)];
  }

  /** Lines at whole seconds, named at the bottom where `height` of a label is wanted. */
  drawSeconds(context, height, every, isNamed, top = 0) {
    const [first, last] = this.range;
    for (let second = Math.ceil(first / this.rate / every) * every; second * this.rate <= last; second += every) {
      const x = Math.round(this.x(second * this.rate));
      context.fillStyle = colours.line;
      context.fillRect(x, top, 1, height - top);
      if (!isNamed) continue;
      this.#drawLabel(context, clock(second), x + 5, height - 12);
    }
  }

  /** Where someone's own beginning ends, or another way was taken. */
  drawMarks(context, height, marks, top = 0) {
    context.textBaseline = "top";
    context.textAlign = "left";
    for (const { step, name } of marks) {
      const x = Math.round(this.x(step));
      if (x < -120 || x > this.width) continue;
      context.fillStyle = colours.ink;
      context.globalAlpha = 0.5;
      context.fillRect(x, top, 1, height - top);
      context.globalAlpha = 1;
      context.fillStyle = colours.soft;
      context.fillText(name, x + 6, top + 10);
    }
  }

  /** A name of a height at the right, readable over what lies below it. */
  drawHeight(context, name, y) {
    this.#drawLabel(context, name, this.width - 12 - context.measureText(name).width, y);
  }

  #drawLabel(context, name, left, middle) {
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.globalAlpha = 0.75;
    context.fillStyle = colours.panel;
    context.beginPath();
    context.roundRect(left - 4, middle - 8, context.measureText(name).width + 8, 16, 4);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = colours.soft;
    context.fillText(name, left, middle + 0.5);
  }

  /** The present. */
  drawNow(context, height, top = 0) {
    context.fillStyle = colours.ink;
    context.fillRect(this.now, top, 1, height - top);
  }
}

/** 75 to "1:15". */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
