// What each kind of sequence is on the page: how its frames are read, drawn, heard and kept.

import { Fan } from "./fan.js";
import { Organ } from "./organ.js";
import { Roll } from "./roll.js";
import { Spectrogram } from "./spectrogram.js";
import { Waveform } from "./waveform.js";

const ORGAN_HZ = 48000;
const PATHS = 16;

const lines = (payload) => new TextDecoder().decode(payload).split("\n").filter(Boolean).map((line) => JSON.parse(line));

/** Sound: a waveform above a spectrogram. */
class Samples {
  voices = 1;
  aheadMs = 1000;
  isHeard = true;
  inRoom = false;

  constructor(model) {
    this.rate = this.playerRate = model.rate_hz;
    this.wave = new Waveform(this.rate);
    this.spectrogram = new Spectrogram(this.rate);
    this.panes = [this.wave.pane, this.spectrogram.pane];
  }

  /**
   * A function of the frames of one voice, in order, and of how many steps of each are wanted, to pieces
   * {first, steps, sound, rows}.
   */
  reader(encoding) {
    return ({ first, payload }, most = Infinity) => {
      const samples = encoding === "f32le" ? new Float32Array(payload) : Float32Array.from(new Int16Array(payload), (value) => value / 32768);
      const sound = samples.subarray(0, most);
      return { first, steps: sound.length, sound, rows: null };
    };
  }

  /** A frame without its first `old` steps. */
  after({ voice, first, steps, payload }, old) {
    return { voice, first: first + old, steps: steps - old, payload: payload.slice((payload.byteLength / steps) * old) };
  }

  /** Show a piece; what it gives is to be played. */
  write({ first, sound }) {
    this.wave.write(sound, first);
    this.spectrogram.write(sound, first);
    return sound;
  }

  cut(step) {
    this.wave.cut(step);
    this.spectrogram.cut(step);
  }

  draw(position, marks) {
    this.wave.draw(position, marks);
    this.spectrogram.draw(position, marks);
  }
}

/** Notes: a piano roll, and an organ that plays them here. */
class Notes {
  voices = 1;
  aheadMs = 3000; // so that the roll shows what comes
  isHeard = true;
  inRoom = true;
  playerRate = ORGAN_HZ;

  constructor(model) {
    this.rate = model.rate_hz;
    this.roll = new Roll(this.rate);
    this.panes = [this.roll.pane];
  }

  reader() {
    const organ = new Organ(ORGAN_HZ, this.rate);
    return ({ first, payload }, most = Infinity) => {
      const rows = lines(payload).slice(0, most);
      return { first, steps: rows.length, sound: organ.render(rows, first), rows };
    };
  }

  after({ voice, first, steps, payload }, old) {
    const left = new TextDecoder().decode(payload).split("\n").slice(old).join("\n");
    return { voice, first: first + old, steps: steps - old, payload: new TextEncoder().encode(left) };
  }

  write({ first, rows, sound }) {
    this.roll.write(rows, first);
    return sound;
  }

  cut(step) {
    this.roll.cut(step);
  }

  draw(position, marks) {
    this.roll.draw(position, marks);
  }
}

/** Values: a fan chart of several paths, without sound. */
class Values {
  voices = PATHS;
  aheadMs = 30_000;
  isHeard = false;
  given = 0;
  #complete = 0;

  constructor(model, length) {
    this.rate = this.playerRate = model.rate_hz;
    this.length = length;
    this.fan = new Fan(PATHS, length);
    this.panes = [this.fan.pane];
  }

  reader() {
    return ({ first, steps, payload }) => ({ first, steps, rows: lines(payload) });
  }

  /** So many steps of it are given; what it will have in all. */
  extend(given) {
    this.length += given;
    this.given = this.fan.given = given;
    this.fan.length = this.length;
    return this.length;
  }

  write({ first, rows }, voice) {
    this.fan.write(rows, first, voice);
    const length = this.fan.made - this.#complete;
    this.#complete += length;
    return { length };
  }

  cut() {
    // a forecast is made once
  }

  draw(position, marks) {
    this.fan.draw(position, marks);
  }
}

const KINDS = { samples: Samples, notes: Notes, values: Values };

/** The kind of a model's sequences, anew; `length` is how many steps a forecast has. */
export function kindOf(model, length) {
  return new KINDS[model.kind](model, length);
}
