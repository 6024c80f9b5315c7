// The one who conducts: from what was asked for to a connection, to what is heard, to the end.

import { Branching } from "./branching.js";
import { Connection } from "./connection.js";
import { Deck } from "./deck.js";

const ACK_MS = 150;
const BELOW_REAL_TIME_SECONDS = 10; // heard in one go where a machine cannot make them in time
const BELOW_REAL_TIME_AHEAD_MS = 30_000; // so that credits never hold it up
const CAUTION = 1.1; // a machine that is slower than it was measured to be

export class Studio {
  state = "idle"; // opening, playing, keeping (a moment), choosing (a preview)
  deck = null;
  connection = null;
  epoch = 0; // what began before the last stop is void
  isStale = false; // a preview goes on with the controls it began with; these are no longer those of the page
  wait = null; // {needed, xrt}: seconds that must be there before it begins
  #opening = Promise.resolve(null); // the player
  #acked = 0;
  #since = 0; // the first step of the connection that is new
  pressed = 0; // when play was, until something sounds
  given = 0; // steps of the prime

  /** `page` has model(), kind(), changed(), figures, settings and prime. */
  constructor(page) {
    this.page = page;
    this.branching = new Branching(this);
  }

  /** Play from the beginning. */
  play() {
    return this.open(async (epoch) => this.listen(await this.wishes(), epoch));
  }

  /** End it, and free the slot. */
  stop(status = "") {
    this.epoch += 1;
    this.connection?.close();
    this.connection = null;
    this.branching.forget();
    this.deck?.stop();
    this.turn("idle", status);
  }

  /** Other controls from the next piece on. */
  update() {
    if (this.state === "playing") this.connection.send({ type: "update", controls: this.page.settings.controls });
  }

  /** All that comes before a connection, and then `go`; what fails is said in one line. */
  async open(go) {
    this.stop();
    const { epoch, page } = this;
    this.pressed = performance.now();
    page.figures.error(null);
    page.figures.fresh();
    this.turn("opening", "Connecting");
    try {
      const kind = await page.kind();
      if (epoch !== this.epoch) return;
      const deck = (this.deck = new Deck(kind, `${page.model().id}-${page.settings.seed}`));
      const old = await this.#opening.catch(() => null);
      this.#opening = Deck.player(kind, old); // within the gesture, and while it connects
      await Promise.all([go(epoch), this.#opening.then((player) => (deck.player = player))]);
    } catch (error) {
      if (epoch === this.epoch) this.fail(error.message);
    }
  }

  /** What a new sequence shall be. */
  async wishes() {
    const { settings, prime, model } = this.page;
    const { kind } = this.deck;
    const kept = await prime.kept();
    const wishes = { seed: settings.seed, controls: settings.controls, ...settings.wishes };
    const given = (this.given = kept ? Math.round(kept.seconds * kind.rate) : 0);
    if (kept) wishes.prime = kept.id;
    if (given) this.deck.marks.push({ step: given, name: "the model goes on" });
    if (kind.length) wishes.steps = kind.extend(given);
    else if (model().xrt < 1) wishes.seconds = given / kind.rate + BELOW_REAL_TIME_SECONDS;
    return wishes;
  }

  /** Connect, and play what comes; `feed` holds the first of it where that plays already. */
  listen(wishes, epoch, feed = null) {
    if (epoch !== this.epoch) return;
    const { deck, page } = this;
    let readers = [feed?.read];
    const max_ahead_ms = page.model().xrt < 1 ? BELOW_REAL_TIME_AHEAD_MS : deck.kind.aheadMs;
    this.connection = new Connection(
      { ...wishes, model: page.model().id, voices: deck.kind.voices, max_ahead_ms },
      {
        ...this.messages(),
        created: (message) => {
          this.#since = feed?.end ?? message.first;
          if (feed) return;
          readers = message.seeds.map(() => deck.kind.reader(message.encoding));
          this.#created(message);
        },
        frame: (frame) => {
          if (frame.first < this.#since) frame = this.#rest(frame);
          if (!frame) return;
          const piece = readers[frame.voice](frame);
          deck.tape.write(piece, frame.voice);
          deck.put(piece, frame.voice);
        },
        done: ({ voice }) => voice === deck.kind.voices - 1 && deck.finish(),
        closed: (fault) => this.closed(fault),
      },
    );
  }

  /** What is done while the player plays. */
  listener() {
    const { page, deck } = this;
    return {
      started: () => {
        if (this.pressed) page.figures.firstSound(performance.now() - this.pressed);
        this.pressed = 0;
        if (this.wait) page.figures.status("Playing");
        this.wait = null;
      },
      underrun: () => page.figures.underrun(),
      heard: (step) => this.#ack(Math.floor(step)),
      ended: () => this.stop(deck.kind.isHeard ? "It has ended" : "The forecast is complete"),
    };
  }

  /** What is done with the messages of any connection. */
  messages() {
    const { figures } = this.page;
    return {
      queued: ({ position }) => {
        figures.place(position);
        figures.status(position === 1 ? "All slots play; you are next" : `All slots play; you are number ${position}`);
      },
      stats: (stats) => figures.stats(stats, this.state === "playing"),
      updated: ({ step }) => this.#mark(step),
      saved: (message) => this.branching.saved(message),
      error: ({ message }) => figures.error(message),
      going_away: () => figures.error("The server is about to end; press play once it is back."),
    };
  }

  /** The connection is over; `fault` says what was wrong, if anything. */
  closed(fault) {
    this.connection = null;
    if (this.state === "playing" && !fault) this.deck.finish(); // what was sent is still to be heard
    else if (this.state === "choosing" && !fault) return; // all previews are there
    else if (this.state !== "idle") this.fail(fault ?? "The server ended this; press play to begin anew.");
  }

  fail(text) {
    this.stop("Stopped");
    this.page.figures.error(text);
  }

  turn(state, status) {
    this.state = state;
    if (state !== "playing") this.wait = null;
    this.page.figures.status(status);
    this.page.changed();
  }

  #created({ first, xrt, wait_seconds, max_ahead_ms }) {
    const { deck, page } = this;
    page.figures.speed(xrt);
    const needed = Math.min(CAUTION * wait_seconds * xrt, (0.9 * max_ahead_ms) / 1000);
    this.wait = deck.kind.isHeard && wait_seconds > 0 ? { needed, xrt } : null;
    deck.begin(first, this.listener(), this.wait && Math.max(0.08, needed));
    this.turn("playing", this.wait ? "Rendering ahead" : "Playing");
  }

  /** What of a frame is new; the rest was heard as a preview, and is made again on the way there. */
  #rest(frame) {
    const old = this.#since - frame.first;
    this.connection.send({ type: "ack", steps: Math.min(this.#since, frame.first + frame.steps) });
    if (frame.first + frame.steps >= this.#since && this.isStale) this.update();
    return old < frame.steps ? this.deck.kind.after(frame, old) : null;
  }

  #ack(steps) {
    const now = performance.now();
    if (now - this.#acked < ACK_MS || steps <= this.#since || this.state !== "playing") return;
    this.#acked = now;
    this.connection?.send({ type: "ack", steps });
  }

  /** Where new controls are heard; many changes in a row are one. */
  #mark(step) {
    const { marks, kind } = this.deck;
    const { temperature, top_p } = this.page.settings.controls;
    const last = marks.at(-1);
    if (last?.isControl && step - last.step < kind.rate) marks.pop();
    marks.push({ step, name: `T ${temperature.toFixed(2)} · p ${top_p.toFixed(2)}`, isControl: true });
  }
}
