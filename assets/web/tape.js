// What was heard, for keeping: sound as WAV, notes as MIDI too, series as CSV.

import { midiFile } from "./midi.js";
import { Score } from "./notes.js";
import { wavFile } from "./wav.js";

/** Samples in order, of which the end can be taken back. */
class Sound {
  #parts = [];
  #length = 0;

  write(samples) {
    this.#parts.push(Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768)))));
    this.#length += samples.length;
  }

  cut(length) {
    this.#parts = this.until(length);
    this.#length = Math.min(this.#length, length);
  }

  until(length) {
    let left = length;
    return this.#parts.flatMap((part) => {
      const kept = part.subarray(0, Math.max(0, left));
      left -= part.length;
      return kept.length ? [kept] : [];
    });
  }
}

export class Tape {
  #kind;
  #name;
  #sound = new Sound();
  #score = new Score();
  #paths = [];

  /** Of one take; `name` is that of its files. */
  constructor(kind, name) {
    this.#kind = kind;
    this.#name = name;
  }

  write({ first, sound, rows }, voice) {
    if (sound) this.#sound.write(sound);
    if (sound && rows) this.#score.write(rows, first);
    if (!sound) (this.#paths[voice] ??= []).push(...rows);
  }

  cut(step) {
    this.#sound.cut(this.#samples(step));
    this.#score.cut(step);
  }

  /** What can be kept, {name, make}, of the steps before `heard()`. */
  files(heard) {
    const { rate, playerRate, isHeard } = this.#kind;
    if (!isHeard) return [{ suffix: "CSV", name: `${this.#name}.csv`, make: () => this.#table() }];
    const wav = { suffix: "WAV", name: `${this.#name}.wav`, make: () => wavFile(this.#sound.until(this.#samples(heard())), playerRate) };
    const midi = { suffix: "MIDI", name: `${this.#name}.mid`, make: () => midiFile(this.#score.until(Math.ceil(heard())), rate) };
    return this.#kind.roll ? [midi, wav] : [wav];
  }

  #samples(step) {
    return Math.round((step * this.#kind.playerRate) / this.#kind.rate);
  }

  #table() {
    const names = Object.keys(this.#paths.find((rows) => rows?.length)?.[0] ?? {});
    const table = this.#paths.flatMap((rows, path) => rows.map((row) => [path, ...names.map((name) => row[name] ?? "")].join(",")));
    return new Blob([[["path", ...names].join(","), ...table, ""].join("\n")], { type: "text/csv" });
  }
}
