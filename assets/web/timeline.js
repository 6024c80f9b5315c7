// The moving axis of time that waveform, spectrogram and roll share.

import { colours } from "./canvas.js";

const NOW = 0.76; // where on the width the present stands; what is made ahead is right of it

/** Places of steps on a pane while step `position` is heard. */
export class Timeline {
  constructor(width, seconds, rate, position) {
    this.width = width;
    this.rate = rate;
    this.position = position;
    this.perStep = width / (seconds * rate);
    this.now = Math.round(width * NOW);
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
  drawSeconds(context, height, every, isNamed) {
    const [first, last] = this.range;
    context.fillStyle = colours.line;
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    for (let second = Math.ceil(first / this.rate / every) * every; second * this.rate <= last; second += every) {
      const x = Math.round(this.x(second * this.rate));
      context.fillStyle = colours.line;
      context.fillRect(x, 0, 1, height);
      if (!isNamed) continue;
      context.fillStyle = colours.soft;
      context.fillText(clock(second), x + 5, height - 8);
    }
  }

  /** Where someone's own beginning ends, or another way was taken. */
  drawMarks(context, height, marks) {
    context.textBaseline = "top";
    context.textAlign = "left";
    for (const { step, name } of marks) {
      const x = Math.round(this.x(step));
      if (x < -120 || x > this.width) continue;
      context.fillStyle = colours.ink;
      context.globalAlpha = 0.5;
      context.fillRect(x, 0, 1, height);
      context.globalAlpha = 1;
      context.fillStyle = colours.soft;
      context.fillText(name, x + 6, 10);
    }
  }

  /** The present. */
  drawNow(context, height) {
    context.fillStyle = colours.ink;
    context.fillRect(this.now, 0, 1, height);
  }
}

/** 75 to "1:15". */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
