// The waveform: extremes of short stretches of sound, kept as they come, drawn as they pass.

import { colours, Pane } from "./canvas.js";
import { Timeline } from "./timeline.js";

const BINS_HZ = 320;
const KEPT_SECONDS = 48; // the window, and what a machine below real time makes ahead
const SECONDS = 5;
const LEAST_SCALE = 0.12; // silence stays a thin line

/** Lowest and highest sample of each bin. */
export class Peaks {
  #low = new Float32Array(BINS_HZ * KEPT_SECONDS);
  #high = new Float32Array(BINS_HZ * KEPT_SECONDS);
  #rate;
  #last = -1;

  constructor(rate) {
    this.#rate = rate;
  }

  write(samples, first) {
    const size = this.#low.length;
    for (let i = 0; i < samples.length; i++) {
      const bin = this.bin(first + i), at = bin % size, value = samples[i];
      if (bin > this.#last) {
        this.#last = bin;
        this.#low[at] = this.#high[at] = value;
      } else if (value < this.#low[at]) this.#low[at] = value;
      else if (value > this.#high[at]) this.#high[at] = value;
    }
  }

  cut(step) {
    this.#last = Math.min(this.#last, this.bin(step) - 1);
  }

  bin(step) {
    return Math.floor((step * BINS_HZ) / this.#rate);
  }

  step(bin) {
    return (bin * this.#rate) / BINS_HZ;
  }

  /** `each(bin, low, high)` of the bins from step `first` to `last` that are kept. */
  each(first, last, callback) {
    const size = this.#low.length;
    const begin = Math.max(this.bin(first), this.#last - size + 1, 0);
    const end = Math.min(this.bin(last) + 1, this.#last);
    for (let bin = begin; bin <= end; bin++) callback(bin, this.#low[bin % size], this.#high[bin % size]);
  }
}

export class Waveform {
  #peaks;
  #rate;
  #scale = 0.5;

  constructor(rate) {
    this.pane = new Pane("Waveform of what is heard; what is made ahead stands right of the line");
    this.#peaks = new Peaks(rate);
    this.#rate = rate;
  }

  write(samples, first) {
    this.#peaks.write(samples, first);
  }

  cut(step) {
    this.#peaks.cut(step);
  }

  draw(position, marks) {
    const context = this.pane.wiped();
    const { width, height } = this.pane;
    const time = new Timeline(width, secondsOn(width), this.#rate, position);
    const [first, last] = time.range;
    time.drawSeconds(context, height, 1, false);
    const bins = [];
    let loudest = LEAST_SCALE;
    this.#peaks.each(first, last, (bin, low, high) => {
      bins.push(time.x(this.#peaks.step(bin)), low, high);
      loudest = Math.max(loudest, -low, high);
    });
    this.#scale += (loudest - this.#scale) * 0.08; // eases, so that a loud moment is no jump
    if (bins.length) this.#fill(context, bins, time.now, height);
    else {
      context.fillStyle = colours.line;
      context.fillRect(0, Math.round(height / 2), width, 1);
    }
    time.drawMarks(context, height, marks);
    time.drawNow(context, height);
  }

  #fill(context, bins, now, height) {
    const middle = height / 2, gain = (middle - 14) / Math.max(this.#scale, LEAST_SCALE);
    const y = (value) => middle - Math.max(-1.1, Math.min(1.1, value / this.#scale)) * gain * this.#scale;
    const path = new Path2D();
    const n = bins.length;
    path.moveTo(bins[0], y(bins[2]) - 0.6);
    for (let i = 3; i < n; i += 3) path.lineTo(bins[i], y(bins[i + 2]) - 0.6);
    for (let i = n - 3; i >= 0; i -= 3) path.lineTo(bins[i], y(bins[i + 1]) + 0.6);
    path.closePath();
    for (const [from, to, colour, alpha] of [[0, now, colours.accent, 1], [now, this.pane.width, colours.soft, 0.55]]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
      context.globalAlpha = alpha;
      context.fillStyle = colour;
      context.fill(path);
      context.restore();
    }
  }
}

/** How many seconds a pane of this width shows; narrow ones show fewer, not smaller. */
export const secondsOn = (width) => SECONDS * Math.min(1, width / 640 + 0.2);
