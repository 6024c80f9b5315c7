// The spectrogram: a column of loudness over pitch for each hop, painted once, moved as it passes.

import { colours, Pane, scheme } from "./canvas.js";
import { Spectrum } from "./fft.js";
import { Timeline } from "./timeline.js";
import { secondsOn } from "./waveform.js";

const COLUMNS_HZ = 125;
const KEPT_SECONDS = 48;
const ROWS = 160;
const LOWEST_HZ = 60;
const FLOOR_DB = -92, TOP_DB = -24;
const NAMED_HZ = [100, 300, 1000, 3000, 10000];

/** Five colours of the page to 256 (RGB bytes). */
function ramp() {
  const stops = [0, 1, 2, 3, 4].map((i) => {
    const hex = colours[`scope-${i}`];
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  });
  return Uint8ClampedArray.from({ length: 768 }, (_, i) => {
    const place = (Math.floor(i / 3) / 255) * 4, k = Math.min(3, Math.floor(place));
    return stops[k][i % 3] + (stops[k + 1][i % 3] - stops[k][i % 3]) * (place - k);
  });
}

export class Spectrogram {
  #rate;
  #size;
  #hop;
  #spectrum;
  #power;
  #edges;
  #samples; // the last ones, in a ring
  #written = 0;
  #columns = COLUMNS_HZ * KEPT_SECONDS;
  #levels = new Uint8Array(COLUMNS_HZ * KEPT_SECONDS * ROWS);
  #next = 0; // column to be made
  #picture = new OffscreenCanvas(COLUMNS_HZ * KEPT_SECONDS, ROWS);
  #ramp;
  #scheme = 0;

  constructor(rate) {
    this.pane = new Pane("Spectrogram of what is heard, low tones below");
    this.#rate = rate;
    this.#size = 2 ** Math.round(Math.log2(rate * 0.045));
    this.#hop = rate / COLUMNS_HZ;
    this.#spectrum = new Spectrum(this.#size);
    this.#power = new Float32Array(this.#size / 2);
    this.#samples = new Float32Array(2 * this.#size);
    this.#edges = Float32Array.from({ length: ROWS + 1 }, (_, row) => (this.#hertz(row / ROWS) * this.#size) / rate);
  }

  write(samples, first) {
    if (first !== this.#written) this.#goTo(first);
    for (let i = 0; i < samples.length; i++) {
      this.#samples[this.#written++ % this.#samples.length] = samples[i];
      if (this.#written >= this.#next * this.#hop + this.#size / 2) this.#column();
    }
  }

  cut(step) {
    if (step < this.#written) this.#goTo(step);
  }

  draw(position, marks) {
    if (this.#scheme !== scheme) this.#repaint();
    const context = this.pane.wiped();
    const { width, height } = this.pane;
    const time = new Timeline(width, secondsOn(width), this.#rate, position);
    const [first, last] = time.range;
    const begin = Math.max(0, Math.floor(first / this.#hop) - 1, this.#next - this.#columns);
    const end = Math.min(Math.ceil(last / this.#hop) + 1, this.#next);
    context.imageSmoothingQuality = "high";
    for (let from = begin; from < end; ) { // the ring may be cut in two
      const at = from % this.#columns, n = Math.min(end - from, this.#columns - at);
      const x = time.x((from - 0.5) * this.#hop), wide = n * this.#hop * time.perStep;
      context.drawImage(this.#picture, at, 0, n, ROWS, x, 0, wide, height);
      from += n;
    }
    context.globalAlpha = 0.6;
    context.fillStyle = colours.panel;
    context.fillRect(time.now, 0, width - time.now, height);
    context.globalAlpha = 1;
    time.drawSeconds(context, height, 1, true);
    this.#drawScale(context, time, height);
    time.drawMarks(context, height, marks.map(({ step }) => ({ step, name: "" })));
    time.drawNow(context, height);
  }

  #drawScale(context, time, height) {
    for (const hertz of NAMED_HZ) {
      if (hertz > this.#rate / 2.2) continue;
      const y = height * (1 - Math.log(hertz / LOWEST_HZ) / Math.log(this.#rate / 2 / LOWEST_HZ));
      if (y > height - 30) continue; // the seconds stand there
      time.drawHeight(context, hertz >= 1000 ? `${hertz / 1000} kHz` : `${hertz} Hz`, y);
    }
  }

  /** Of a place between the bottom (0) and the top (1). */
  #hertz(place) {
    return LOWEST_HZ * (this.#rate / 2 / LOWEST_HZ) ** place;
  }

  #goTo(step) {
    if (step !== this.#written) this.#samples.fill(0, 0, step > this.#written ? undefined : 0);
    this.#written = step;
    this.#next = Math.max(0, Math.ceil((step - this.#size / 2) / this.#hop));
  }

  #column() {
    const middle = Math.round(this.#next * this.#hop), from = middle - this.#size / 2;
    const n = this.#samples.length;
    this.#spectrum.of((i) => (from + i < 0 ? 0 : this.#samples[(from + i) % n]), this.#power);
    const at = this.#next % this.#columns;
    for (let row = 0; row < ROWS; row++) {
      const low = this.#edges[row], high = this.#edges[row + 1];
      let power = 0;
      if (high - low < 1) { // between two lines of the spectrum
        const k = Math.floor(low), part = low - k;
        power = this.#power[k] * (1 - part) + (this.#power[k + 1] ?? 0) * part;
      } else for (let k = Math.ceil(low); k < high; k++) power = Math.max(power, this.#power[k]);
      const tilt = 9 * (row / ROWS - 0.3); // high tones are weaker in all that sounds
      const level = (10 * Math.log10(power + 1e-12) + tilt - FLOOR_DB) / (TOP_DB - FLOOR_DB);
      this.#levels[at * ROWS + row] = 255 * Math.max(0, Math.min(1, level)) ** 1.5;
    }
    if (this.#scheme) this.#paint(at, 1);
    this.#next += 1;
  }

  #paint(at, n) {
    const image = new ImageData(n, ROWS);
    for (let column = 0; column < n; column++) {
      for (let row = 0; row < ROWS; row++) {
        const from = 3 * this.#levels[(at + column) * ROWS + row];
        const to = 4 * ((ROWS - 1 - row) * n + column);
        for (let part = 0; part < 3; part++) image.data[to + part] = this.#ramp[from + part];
        image.data[to + 3] = 255;
      }
    }
    this.#picture.getContext("2d").putImageData(image, at, 0);
  }

  #repaint() {
    this.#ramp = ramp();
    this.#scheme = scheme;
    this.#paint(0, this.#columns);
  }
}
