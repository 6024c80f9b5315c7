// The one who conducts: play and stop, controls while it plays, eight ways on and the one that is kept.

import { Connection } from "./connection.js";
import { Deck } from "./deck.js";
import { Previews, VOICES } from "./previews.js";
import { newSeed } from "./settings.js";

const ACK_MS = 150;

export class Studio {
  state = "idle"; // opening, playing, keeping (a moment), choosing (a preview)
  deck = null;
  previews = null;
  active = null; // the preview that sounds
  #epoch = 0; // what began before the last stop is void
  #connection = null;
  #player = null;
  #voice = null; // the only one that is left of several
  #lag = 0; // steps: a kept preview may be made further ahead than what plays shall be
  #acked = 0;
  #origin = null; // the moment that the previews go on from
  #first = true;

  /** `page` has model(), kind(), figures, settings, prime, and changed(). */
  constructor(page) {
    this.page = page;
  }

  /** Play from the beginning. */
  async play() {
    await this.#open(async (epoch) => this.#listen(await this.#wishes(), epoch));
  }

  /** End it, and free the slot. */
  stop(status = "") {
    this.#epoch += 1;
    this.#connection?.close();
    this.#connection = this.previews = this.active = this.#voice = this.#origin = null;
    this.#lag = 0;
    this.deck?.stop();
    this.#turn("idle", status);
  }

  /** Other controls from the next piece on. */
  update() {
    if (this.state === "playing") this.#connection.send({ type: "update", controls: this.page.settings.controls, ...this.#whom });
  }

  /** Eight ways on from what is heard now, or eight beginnings where nothing is. */
  async branch() {
    if (this.state === "choosing") return this.#goOn();
    if (this.state === "playing") {
      this.#turn("keeping", "Keeping this moment");
      this.#connection.send({ type: "ack", steps: Math.floor(this.deck.position), ...this.#whom });
      this.#connection.send({ type: "save", voice: this.#voice ?? 0 });
      return undefined;
    }
    return this.#open(async (epoch) => this.#choose({ ...(await this.#wishes()), seed: newSeed() }, epoch));
  }

  /** Hear a preview, or fall silent if it is the one that sounds. */
  hear(voice) {
    const { deck, previews } = this;
    const wasActive = this.active === voice;
    deck.stop();
    deck.kind.cut(previews.first);
    deck.position = previews.first;
    this.active = wasActive ? null : voice;
    if (wasActive) return;
    deck.begin(previews.first, {
      started: () => {},
      underrun: () => {},
      heard: () => {},
      ended: () => {
        deck.stop();
        this.active = null;
        this.page.changed();
      },
    });
    for (const piece of previews.feeds[voice].pieces) deck.put(piece);
    deck.finish();
    this.page.changed();
  }

  /** Go on with that one. */
  keep(voice) {
    const { deck, previews } = this;
    const sounds = this.active === voice;
    const hasPlayed = deck.position > previews.first && this.active === null;
    const pieces = previews.keep(voice);
    if (this.#origin === null) this.page.settings.seed = previews.seeds[voice];
    this.#voice = voice;
    this.#lag = Math.max(0, previews.steps - Math.round((deck.kind.aheadMs * deck.kind.rate) / 1000));
    deck.cut(previews.first);
    for (const piece of pieces) deck.tape.write(piece, 0);
    this.active = null;
    if (sounds) { // it goes on without a gap, and with the listener of what plays
      for (const piece of pieces) deck.show(piece);
      deck.hearOn(this.#listener());
    } else {
      deck.stop();
      deck.begin(previews.first, this.#listener());
      for (const piece of pieces) deck.put(piece);
    }
    if (hasPlayed) deck.mark(previews.first, "");
    deck.mark(previews.first, `way ${voice + 1}`);
    this.#turn("playing", `Way ${voice + 1} of ${VOICES}, seed ${previews.seeds[voice]}`);
  }

  get #whom() {
    return this.#voice === null ? {} : { voice: this.#voice };
  }

  /** None of the previews: the moment itself goes on, as it would have. */
  #goOn() {
    const origin = this.#origin;
    if (!origin) return this.stop("Press play");
    this.#connection.close();
    this.deck.stop();
    this.deck.cut(origin.step);
    this.previews = this.active = this.#voice = null;
    this.#origin = null;
    this.#listen({ resume: origin.id }, this.#epoch);
    this.#turn("opening", "Going on");
    return undefined;
  }

  /** Everything that comes before a connection; what fails is said in one line. */
  async #open(go) {
    this.stop("Connecting");
    const epoch = this.#epoch;
    const { figures } = this.page;
    figures.error(null);
    figures.fresh();
    this.pressed = performance.now();
    this.#first = true;
    this.#turn("opening", "Connecting");
    try {
      const kind = await this.page.kind();
      this.#player = await Deck.player(kind, this.#player);
      if (epoch !== this.#epoch) return;
      this.deck = new Deck(kind, `${this.page.model().id}-${this.page.settings.seed}`, this.#player);
      await go(epoch);
    } catch (error) {
      if (epoch === this.#epoch) this.#fail(error.message);
    }
  }

  /** What a new sequence shall be. */
  async #wishes() {
    const { settings, prime } = this.page;
    const { kind } = this.deck;
    const kept = await prime.kept();
    const wishes = { seed: settings.seed, controls: settings.controls, ...settings.wishes };
    if (kept) wishes.prime = kept.id;
    const given = kept ? Math.round(kept.seconds * kind.rate) : 0;
    if (given) this.deck.mark(given, "the model goes on");
    if (kind.length) wishes.steps = kind.length;
    return wishes;
  }

  #listen(wishes, epoch) {
    if (epoch !== this.#epoch) return;
    const { deck, page } = this;
    let read = [];
    const connection = new Connection(
      { ...wishes, model: page.model().id, voices: deck.kind.voices, max_ahead_ms: deck.kind.aheadMs },
      {
        ...this.#messages(),
        created: (message) => {
          read = message.seeds.map(() => deck.kind.reader(message.encoding));
          this.#created(message);
        },
        frame: (frame) => {
          const piece = read[frame.voice](frame);
          deck.tape.write(piece, frame.voice);
          deck.put(piece, frame.voice);
        },
        done: () => (deck.kind.length && deck.kind.fan.made < deck.kind.length ? undefined : deck.finish()),
        closed: (fault) => this.#closed(fault),
      },
    );
    this.#connection = connection;
  }

  #created({ first, xrt, wait_seconds, max_ahead_ms }) {
    const { deck, page } = this;
    page.figures.speed(xrt);
    const needed = Math.min(wait_seconds * xrt, max_ahead_ms / 1000) * 0.98; // all of it never comes
    this.wait = deck.kind.isHeard && wait_seconds > 0 ? { needed, xrt } : null;
    deck.begin(first, this.#listener(), this.wait && Math.max(0.08, needed));
    this.#turn("playing", this.wait ? "Rendering ahead" : "Playing");
  }

  /** What is done while the player plays. */
  #listener() {
    const { page, deck } = this;
    return {
      started: () => {
        if (this.#first) page.figures.firstSound(performance.now() - this.pressed);
        this.#first = false;
        if (this.wait) page.figures.status("Playing");
        this.wait = null;
      },
      underrun: () => page.figures.underrun(),
      heard: (step) => this.#ack(Math.floor(step) - this.#lag),
      ended: () => this.stop(deck.kind.isHeard ? "It has ended" : "The forecast is complete"),
    };
  }

  #ack(steps) {
    const now = performance.now();
    if (now - this.#acked < ACK_MS || steps <= 0 || this.state === "choosing") return;
    this.#acked = now;
    this.#connection?.send({ type: "ack", steps, ...this.#whom });
  }

  #messages() {
    const { figures } = this.page;
    return {
      queued: ({ position }) => {
        figures.place(position);
        figures.status(position === 1 ? "All slots play; you are next" : `All slots play; you are number ${position}`);
      },
      stats: (stats) => figures.stats(stats),
      updated: ({ step }) => this.#mark(step),
      saved: (saved) => this.#saved(saved),
      error: ({ message }) => figures.error(message),
      going_away: () => figures.error("The server is about to end; press play once it is back."),
    };
  }

  /** Where new controls are heard; many changes in a row are one. */
  #mark(step) {
    const { deck } = this;
    const { temperature, top_p } = this.page.settings.controls;
    const name = `T ${temperature.toFixed(2)}  p ${top_p.toFixed(2)}`;
    const last = deck.marks.at(-1);
    if (last?.isControl && step - last.step < deck.kind.rate) deck.marks.pop();
    deck.marks.push({ step, name, isControl: true });
  }

  /** The moment is kept: the voice that made it gives its slot to the previews. */
  async #saved({ id, step }) {
    if (this.state !== "keeping") return;
    const epoch = this.#epoch;
    this.#connection.close();
    this.#connection = null;
    await this.deck.stop();
    if (epoch !== this.#epoch) return;
    this.deck.cut(step);
    this.deck.position = step;
    this.#origin = { id, step };
    this.#choose({ resume: id, seed: newSeed(), controls: this.page.settings.controls }, epoch);
  }

  #choose(wishes, epoch) {
    if (epoch !== this.#epoch) return;
    const { deck, page } = this;
    this.#turn("choosing", `Making ${VOICES} previews`);
    const previews = new Previews(deck.kind, page.model(), wishes, {
      created: () => {
        deck.position = previews.first;
        page.changed();
      },
      ready: () => page.figures.status("Choose one to hear it; keep the one you like"),
      piece: (piece) => {
        deck.tape.write(piece, 0);
        deck.put(piece);
      },
      done: () => deck.finish(),
      message: (message) => this.#messages()[message.type](message),
      closed: (fault) => this.#closed(fault),
    });
    this.previews = previews;
    this.#connection = previews.connection;
    page.changed();
  }

  #closed(fault) {
    this.#connection = null;
    if (this.state === "playing" && !fault) this.deck.finish(); // what was sent is still to be heard
    else if (this.state !== "idle") this.#fail(fault ?? "The server ended this; press play to begin anew.");
  }

  #fail(text) {
    this.stop("Stopped");
    this.page.figures.error(text);
  }

  #turn(state, status) {
    this.state = state;
    if (state !== "playing") this.wait = null;
    this.page.figures.status(status);
    this.page.changed();
  }
}
