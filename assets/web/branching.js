// Eight ways on: a moment is kept, eight voices go on from it, one of them stays.

import { Previews, VOICES } from "./previews.js";
import { newSeed } from "./settings.js";

const OPENING_SECONDS = 0.4; // of a connection and its first piece
const CAUTION = 0.6; // of the speed that was measured, which others may share
const SILENT = { started() {}, underrun() {}, heard() {} };

export class Branching {
  previews = null;
  active = null; // the preview that sounds
  #studio;
  #origin = null; // {id, step}: the moment that they go on from; null is the beginning

  constructor(studio) {
    this.#studio = studio;
  }

  /** From what is heard now, or from the beginning where nothing is; pressed again, none of them. */
  press() {
    const studio = this.#studio;
    if (studio.state === "choosing") return this.#goOn();
    if (studio.state !== "playing") {
      return studio.open(async (epoch) => this.#make({ ...(await studio.wishes()), seed: newSeed() }, epoch));
    }
    studio.turn("keeping", "Keeping this moment");
    studio.connection.send({ type: "ack", steps: Math.floor(studio.deck.position) });
    studio.connection.send({ type: "save", send: false });
    return undefined;
  }

  /** The moment is kept: the voice that made it gives its slot to the previews. */
  async saved({ id, step }) {
    const studio = this.#studio;
    if (studio.state !== "keeping") return;
    const { epoch, deck } = studio;
    studio.connection.close();
    studio.connection = null;
    await deck.stop();
    if (epoch !== studio.epoch) return;
    deck.cut(step);
    deck.position = step;
    this.#origin = { id, step };
    this.#make({ resume: id, seed: newSeed(), controls: studio.page.settings.controls }, epoch);
  }

  /** Hear a preview, or fall silent if it is the one that sounds. */
  hear(voice) {
    const { deck, page } = this.#studio;
    const { first, feeds } = this.previews;
    deck.stop();
    deck.kind.cut(first);
    deck.position = first;
    this.active = this.active === voice ? null : voice;
    if (this.active !== null) {
      const ended = () => {
        deck.stop();
        this.active = null;
        page.changed();
      };
      deck.begin(first, { ...SILENT, ended });
      for (const piece of feeds[voice].pieces) deck.put(piece);
      deck.finish();
    }
    page.changed();
  }

  /**
   * Go on with that one. It is made again up to where the preview ends: if it sounds and that can be done meanwhile,
   * it goes on without a gap, else it begins anew.
   */
  keep(voice) {
    const studio = this.#studio;
    const { deck, page } = studio;
    const { previews } = this;
    const feed = previews.feeds[voice];
    const { pieces } = feed;
    studio.connection?.close(); // the others may not be ready
    deck.cut(previews.first);
    for (const piece of pieces) deck.tape.write(piece, 0);
    const left = (feed.end - deck.position) / deck.kind.rate;
    if (this.active === voice && left > OPENING_SECONDS + previews.steps / deck.kind.rate / (CAUTION * page.model().xrt)) {
      for (const piece of pieces) deck.kind.write(piece);
      deck.goOn(studio.listener());
    } else {
      deck.stop();
      deck.begin(previews.first, studio.listener());
      for (const piece of pieces) deck.put(piece);
    }
    deck.marks.push({ step: previews.first, name: `way ${voice + 1}` });
    if (this.#origin === null) page.settings.seed = previews.seeds[voice]; // it can be played again
    this.forget();
    studio.turn("playing", `Way ${voice + 1} of ${VOICES}, seed ${previews.seeds[voice]}`);
    studio.isStale = JSON.stringify(previews.wishes.controls) !== JSON.stringify(page.settings.controls);
    studio.listen({ ...previews.wishes, seed: previews.seeds[voice] }, studio.epoch, feed);
  }

  /** Nothing of it is left. */
  forget() {
    this.previews = this.active = this.#origin = null;
  }

  /** None of them: the moment itself goes on, as it would have. */
  #goOn() {
    const studio = this.#studio;
    const origin = this.#origin;
    if (!origin) return studio.stop();
    studio.connection?.close();
    studio.deck.stop();
    studio.deck.cut(origin.step);
    studio.deck.position = origin.step;
    this.forget();
    studio.turn("opening", "Going on");
    return studio.listen({ resume: origin.id, controls: studio.page.settings.controls }, studio.epoch);
  }

  #make(wishes, epoch) {
    const studio = this.#studio;
    if (epoch !== studio.epoch) return;
    const { deck, page } = studio;
    studio.turn("choosing", `Making ${VOICES} previews`);
    studio.pressed = 0; // nobody waits for a first sound
    const given = this.#origin ? 0 : studio.given; // the prime is heard before each
    this.previews = new Previews(deck.kind, page.model(), wishes, given, {
      ...studio.messages(),
      created: () => {
        deck.position = this.previews.first;
        page.figures.status(`Making ${VOICES} previews`); // it may have said that they wait
        page.changed();
      },
      ready: () => page.figures.status("Hear them, and keep the one you like"),
      closed: (fault) => studio.closed(fault),
    });
    studio.connection = this.previews.connection;
  }
}
