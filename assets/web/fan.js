// The fan chart: paths of a forecast and the bands that hold half and four fifths of them.

import { colours, Pane } from "./canvas.js";

const LEFT = 16, RIGHT = 64, TOP = 44, BOTTOM = 34;
const QUANTILES = [0.1, 0.25, 0.5, 0.75, 0.9];

/** Of sorted values, between neighbours in proportion. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1), k = Math.floor(place);
  return sorted[k] + ((sorted[k + 1] ?? sorted[k]) - sorted[k]) * (place - k);
}

/** About `wanted` round numbers between two values. */
export function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1, ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * ten >= rough) * ten;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

export class Fan {
  #paths = []; // of each voice: a value (or null) of each step
  #bands = []; // of each step that all voices have: five quantiles, or null
  length;
  given = 0; // steps that are no forecast
  #view = null; // lowest and highest value shown, easing
  #name = "";

  /** `length`: how many steps it will have in all. */
  constructor(voices, length) {
    this.pane = new Pane("Fan chart of a forecast: paths, their median, and bands of half and four fifths of them");
    this.#paths = Array.from({ length: voices }, () => []);
    this.length = length;
  }

  /** Rows {name: value} of a voice; the first column that is no time is drawn. */
  write(rows, first, voice) {
    rows.forEach((row, i) => {
      const name = Object.keys(row).find((key) => key !== "ds");
      this.#name = name;
      this.#paths[voice][first + i] = row[name];
    });
  }

  /** Steps that all voices have. */
  get made() {
    return Math.min(...this.#paths.map((path) => path.length));
  }

  draw(position, marks) {
    const context = this.pane.wiped();
    const { width, height } = this.pane;
    this.#gather();
    const shown = Math.min(position, this.made - 1);
    this.#ease(shown);
    const [low, high] = this.#view ?? [-1, 1];
    const x = (step) => LEFT + (step / Math.max(1, this.length - 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
    this.#drawAxes(context, x, y, low, high);
    for (const { step, name } of marks) {
      context.fillStyle = colours.edge;
      context.fillRect(Math.round(x(step)), TOP, 1, height - TOP - BOTTOM);
      context.fillStyle = colours.soft;
      context.fillText(name, x(step) + 6, TOP + 6);
    }
    if (shown < 0) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, x(shown), height); // it grows between the steps too
    context.clip();
    this.#drawBand(context, x, y, shown, 0, 4, 0.16);
    this.#drawBand(context, x, y, shown, 1, 3, 0.2);
    context.lineWidth = 1;
    context.strokeStyle = colours.ink;
    context.globalAlpha = 0.26;
    for (const path of this.#paths) this.#drawLine(context, x, y, shown, (step) => (step < this.given - 1 ? NaN : path[step]));
    context.globalAlpha = 1;
    context.lineWidth = 2.2;
    context.strokeStyle = colours.accent;
    const median = (step) => this.#bands[step]?.[2];
    this.#drawLine(context, x, y, shown, (step) => (step < this.given - 1 ? NaN : median(step)));
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.6;
    this.#drawLine(context, x, y, Math.min(shown, this.given - 1), median);
    context.restore();
    this.#drawEnds(context, x, y, shown);
  }

  #gather() {
    while (this.#bands.length < this.made) {
      const step = this.#bands.length;
      const values = this.#paths.map((path) => path[step]).filter((value) => Number.isFinite(value));
      values.sort((a, b) => a - b);
      this.#bands.push(values.length ? QUANTILES.map((share) => quantile(values, share)) : null);
    }
  }

  /** Towards the range of what is shown, a little each frame. */
  #ease(shown) {
    let low = Infinity, high = -Infinity;
    for (const path of this.#paths) {
      for (let step = 0; step <= Math.min(shown + 1, path.length - 1); step++) {
        const value = path[step];
        if (!Number.isFinite(value)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) return;
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    const wanted = [low - room, high + room];
    this.#view ??= wanted;
    this.#view = this.#view.map((value, i) => value + (wanted[i] - value) * 0.12);
  }

  #drawAxes(context, x, y, low, high) {
    const { width, height } = this.pane;
    context.textBaseline = "middle";
    context.textAlign = "left";
    const marks = ticks(low, high, Math.max(3, height / 80));
    const places = Math.max(0, -Math.floor(Math.log10((marks[1] ?? 1) - (marks[0] ?? 0)) + 1e-9));
    for (const value of marks) {
      if (y(value) > height - BOTTOM + 1 || y(value) < TOP - 1) continue;
      context.fillStyle = colours.line;
      context.fillRect(LEFT, Math.round(y(value)), width - LEFT - RIGHT, 1);
      context.fillStyle = colours.soft;
      if (this.#view) context.fillText(value.toFixed(Math.min(6, places)), width - RIGHT + 12, y(value));
    }
    context.textAlign = "center";
    for (const step of ticks(0, this.length, Math.max(3, width / 130))) {
      if (x(step) > width - RIGHT + 2) continue;
      context.fillStyle = colours.soft;
      context.fillText(String(step), Math.max(x(step), LEFT + 4), height - 15);
    }
    this.#drawLegend(context);
  }

  #drawLegend(context) {
    let x = LEFT;
    context.textAlign = "left";
    const named = [[this.#name && this.#name !== "y" ? `median ${this.#name}` : "median", 1], ["half", 0.42], ["four fifths", 0.16]];
    for (const [name, alpha] of named) {
      context.globalAlpha = alpha;
      context.fillStyle = colours.accent;
      context.beginPath();
      context.roundRect(x, alpha === 1 ? 19 : 14, 16, alpha === 1 ? 2.5 : 12, 1.5);
      context.fill();
      context.globalAlpha = 1;
      context.fillStyle = colours.soft;
      context.fillText(name, x + 22, 20.5);
      x += 22 + context.measureText(name).width + 18;
    }
  }

  #drawBand(context, x, y, shown, below, above, alpha) {
    context.globalAlpha = alpha;
    context.fillStyle = colours.accent;
    const last = Math.min(Math.ceil(shown), this.#bands.length - 1);
    context.beginPath();
    for (let step = 0; step <= last; step++) if (this.#bands[step]) context.lineTo(x(step), y(this.#bands[step][above]));
    for (let step = last; step >= 0; step--) if (this.#bands[step]) context.lineTo(x(step), y(this.#bands[step][below]));
    context.fill();
    context.globalAlpha = 1;
  }

  #drawLine(context, x, y, shown, value) {
    context.beginPath();
    let isDrawn = false;
    for (let step = 0; step <= Math.ceil(shown); step++) {
      const here = value(step);
      if (!Number.isFinite(here)) isDrawn = false;
      else if (isDrawn) context.lineTo(x(step), y(here));
      else context.moveTo(x(step), y(here)), (isDrawn = true);
    }
    context.stroke();
  }

  #drawEnds(context, x, y, shown) {
    const step = Math.floor(shown), part = shown - step;
    const between = (a, b) => (Number.isFinite(b) ? a + (b - a) * part : a);
    const median = between(this.#bands[step]?.[2], this.#bands[step + 1]?.[2]);
    if (!Number.isFinite(median)) return;
    context.fillStyle = colours.accent;
    context.beginPath();
    context.arc(x(shown), y(median), 4, 0, 2 * Math.PI);
    context.fill();
  }
}
