// Notes of four voices, gathered from steps that say what begins and what goes on.

export const VOICES = ["soprano", "alto", "tenor", "bass"];

/** Notes {voice, pitch, start, end} in steps, in the order in which they begin. */
export class Score {
  notes = [];
  end = 0;
  #open = {};

  /** Steps {on, hold}, the first of which is step `first`. */
  write(steps, first) {
    steps.forEach(({ on, hold }, i) => {
      for (const voice of VOICES) {
        const old = this.#open[voice];
        const goesOn = old && on[voice] === undefined && hold[voice] === old.pitch;
        const pitch = on[voice] ?? hold[voice];
        if (goesOn) old.end += 1;
        else if (pitch === undefined) delete this.#open[voice];
        else this.notes.push((this.#open[voice] = { voice, pitch, start: first + i, end: first + i + 1 }));
      }
    });
    this.end = Math.max(this.end, first + steps.length);
  }

  /** Forget everything from `step` on. */
  cut(step) {
    this.notes = this.until(step);
    this.end = Math.min(this.end, step);
    this.#open = {};
    for (const note of this.notes) if (note.end === step) this.#open[note.voice] = note;
  }

  /** The notes before `step`, cut there. */
  until(step) {
    return this.notes.filter((note) => note.start < step).map((note) => ({ ...note, end: Math.min(note.end, step) }));
  }
}
