// A small organ: steps of four voices in, samples out, with nothing but sums of sines.

import { VOICES } from "./notes.js";

const ATTACK_SECONDS = 0.03;
const RELEASE_SECONDS = 0.18;
const AGAIN_SECONDS = 0.035; // a note struck again lets go of the old one at once
const SIZE = 4096;
const STOPS = [1, 0.5, 0.24, 0.26, 0.05, 0.1, 0.02, 0.07]; // 8', 4', 2' and 1' stand out
const RANKS = [0.9997, 1.0005]; // two ranks of pipes, never quite in tune
const LEVEL = 0.21; // four voices stay below full scale

/** MIDI number to Hz. */
const hertz = (pitch) => 440 * 2 ** ((pitch - 69) / 12);

class Tone {
  constructor(table, pitch, rate) {
    this.table = table;
    this.pitch = pitch;
    this.speeds = RANKS.map((rank) => (rank * hertz(pitch) * SIZE) / rate);
    this.phases = [0, SIZE / 3];
    this.age = 0;
    this.left = Infinity; // samples until it is over
    this.release = 1;
  }

  letGo(samples) {
    if (this.left !== Infinity) return;
    this.left = this.release = samples;
  }

  addTo(sound, attack) {
    const { table, speeds, phases } = this;
    const n = Math.min(sound.length, this.left);
    for (let i = 0; i < n; i++) {
      let level = 1;
      if (this.age < attack) level = Math.sin((Math.PI / 2) * (this.age / attack)) ** 2;
      if (this.left !== Infinity) level *= Math.sin((Math.PI / 2) * (this.left-- / this.release)) ** 2;
      for (let rank = 0; rank < 2; rank++) {
        const at = Math.floor(phases[rank]);
        const here = table[at];
        sound[i] += level * (here + (table[(at + 1) % SIZE] - here) * (phases[rank] - at));
        phases[rank] = (phases[rank] + speeds[rank]) % SIZE;
      }
      this.age += 1;
    }
  }
}

export class Organ {
  #rate;
  #samplesAStep;
  #tables = new Map();
  #held = {};
  #ending = [];

  constructor(rate, stepsHz) {
    this.#rate = rate;
    this.#samplesAStep = rate / stepsHz;
  }

  /** The samples of steps {on, hold} that begin at step `first`; call it in order. */
  render(steps, first) {
    const begin = Math.round(first * this.#samplesAStep);
    const edge = (step) => Math.round(step * this.#samplesAStep) - begin;
    const sound = new Float32Array(edge(first + steps.length));
    steps.forEach((step, i) => {
      this.#touch(step);
      const part = sound.subarray(edge(first + i), edge(first + i + 1));
      for (const tone of [...Object.values(this.#held), ...this.#ending]) tone.addTo(part, ATTACK_SECONDS * this.#rate);
      this.#ending = this.#ending.filter((tone) => tone.left > 0);
    });
    return sound;
  }

  #touch({ on, hold }) {
    for (const voice of VOICES) {
      const old = this.#held[voice];
      const struck = on[voice], pitch = struck ?? hold[voice];
      if (old && struck === undefined && pitch === old.pitch) continue;
      if (old) {
        old.letGo(Math.round((pitch === old.pitch ? AGAIN_SECONDS : RELEASE_SECONDS) * this.#rate));
        this.#ending.push(old);
        delete this.#held[voice];
      }
      if (pitch !== undefined) this.#held[voice] = new Tone(this.#table(pitch), pitch, this.#rate);
    }
  }

  /** One period of a pitch with what can be heard of it, lower ones louder. */
  #table(pitch) {
    if (this.#tables.has(pitch)) return this.#tables.get(pitch);
    const audible = STOPS.filter((_, k) => (k + 1) * hertz(pitch) < 0.45 * this.#rate);
    const all = STOPS.reduce((sum, stop) => sum + stop);
    const level = ((LEVEL / RANKS.length) * 10 ** (-Math.max(0, pitch - 48) / 150)) / all;
    const table = Float32Array.from({ length: SIZE }, (_, i) =>
      // Harmonics that start at different phases peak less together.
      audible.reduce((sum, stop, k) => sum + level * stop * Math.sin((2 * Math.PI * (k + 1) * i) / SIZE + (k + 1) ** 2), 0),
    );
    this.#tables.set(pitch, table);
    return table;
  }
}
