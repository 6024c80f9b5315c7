// Previews: voices that go on from one moment, each for a few seconds.

import { Connection } from "./connection.js";

export const VOICES = 8;
const SECONDS = { samples: 3, notes: 10 };
const ROOM = 1.5; // of what is wanted: a voice may stop a piece before it is as far ahead as it may be

/** What a voice has made. */
class Feed {
  pieces = [];
  made;

  constructor(first, end, read) {
    this.first = this.made = first;
    this.end = end;
    this.read = read;
  }

  get isReady() {
    return this.made >= this.end;
  }
}

/**
 * A voice that has made its part is ended: so its slot is free for those that wait, however few slots there are, and
 * whoever takes long to choose holds none. The same seed from the same moment makes the same again.
 */
export class Previews {
  feeds = [];
  seeds = [];
  first = 0;
  steps;
  connection;
  wishes; // where they begin
  #kind;
  #on;

  /** `start` says where from, `given` how many steps are given. `on` has created(), ready(), and all that a `Connection` tells. */
  constructor(kind, model, start, given, on) {
    this.#kind = kind;
    this.#on = on;
    this.wishes = start;
    this.steps = given + Math.round(SECONDS[model.kind] * kind.rate);
    this.connection = new Connection(
      { ...start, model: model.id, voices: VOICES, max_ahead_ms: Math.ceil((ROOM * 1000 * this.steps) / kind.rate) },
      {
        ...on,
        created: (message) => this.#created(message),
        frame: (frame) => this.#frame(frame),
      },
    );
  }

  #created({ encoding, seeds, first }) {
    this.first = first;
    this.seeds = seeds;
    this.feeds = seeds.map(() => new Feed(first, first + this.steps, this.#kind.reader(encoding)));
    this.#on.created();
  }

  #frame(frame) {
    const feed = this.feeds[frame.voice];
    if (feed.isReady) return; // made before the server had read that it is enough
    const piece = feed.read(frame, feed.end - frame.first);
    feed.pieces.push(piece);
    feed.made = piece.first + piece.steps;
    if (!feed.isReady) return;
    this.connection.send({ type: "cancel", voice: frame.voice });
    if (this.feeds.every((each) => each.isReady)) this.#on.ready();
  }
}
