// Eight ways on from a moment: made a few seconds ahead, heard one by one, one of them kept.

import { Connection } from "./connection.js";

export const VOICES = 8;
const SECONDS = { samples: 3, notes: 9 };

/** What a voice has made so far. */
class Feed {
  pieces = [];
  made;
  isDone = false;

  constructor(first, read) {
    this.first = this.made = first;
    this.read = read;
  }

  take(frame) {
    const piece = this.read(frame);
    this.pieces.push(piece);
    this.made = piece.first + piece.steps;
    return piece;
  }
}

export class Previews {
  feeds = [];
  seeds = [];
  first = 0;
  kept = null;
  connection;
  #kind;
  #steps;
  #isPaused = false;

  /**
   * `start` says where from. `on` has created(), ready(), piece(piece, voice) of the kept voice, done(voice)
   * of it, message(message), and closed(fault).
   */
  constructor(kind, model, start, on) {
    this.#kind = kind;
    this.#steps = Math.round(SECONDS[model.kind] * kind.rate);
    const listener = {
      created: (message) => this.#created(message, on),
      frame: (frame) => this.#frame(frame, on),
      done: ({ voice, reason }) => this.#done(voice, reason, on),
      closed: on.closed,
    };
    for (const type of ["queued", "stats", "updated", "saved", "error"]) listener[type] = (message) => on.message(message);
    this.connection = new Connection({ ...start, model: model.id, voices: VOICES, max_ahead_ms: this.aheadMs }, listener);
  }

  get aheadMs() {
    return (1000 * this.#steps) / this.#kind.rate;
  }

  get steps() {
    return this.#steps;
  }

  /** Keep one: the others end, and it goes on. */
  keep(voice) {
    this.kept = voice;
    for (let other = 0; other < VOICES; other++) {
      if (other !== voice && !this.feeds[other].isDone) this.connection.send({ type: "cancel", voice: other });
    }
    if (this.#isPaused) this.connection.send({ type: "resume", voice });
    const { pieces } = this.feeds[voice];
    this.feeds[voice].pieces = []; // the tape has them from now on
    return pieces;
  }

  #created({ encoding, seeds, first }, on) {
    this.first = first;
    this.seeds = seeds;
    this.feeds = seeds.map(() => new Feed(first, this.#kind.reader(encoding)));
    on.created();
  }

  #frame(frame, on) {
    const feed = this.feeds[frame.voice];
    const piece = feed.take(frame);
    if (this.kept === frame.voice) {
      feed.pieces = [];
      on.piece(piece, frame.voice);
    } else this.#rest(on);
  }

  #done(voice, reason, on) {
    this.feeds[voice].isDone = true;
    if (this.kept === voice) on.done(voice);
    else this.#rest(on);
  }

  /** Once all have enough they wait, paused: a listener who takes time to choose is not idle. */
  #rest(on) {
    if (this.#isPaused || this.kept !== null) return;
    if (!this.feeds.every((feed) => feed.isDone || feed.made - feed.first >= this.#steps)) return;
    this.#isPaused = true;
    this.connection.send({ type: "pause" });
    on.ready();
  }
}
