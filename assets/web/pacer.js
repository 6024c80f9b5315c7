// What a player is to sound, for series: time that passes while values are shown.

const SECONDS = 12; // for a whole forecast
const MOST_HZ = 60;
const LEAST_HZ = 4;

export class Pacer {
  #kind;
  #hz = 0;
  #pushed = 0;
  #isWhole = false;
  #position = 0;
  #since = 0;
  #on = null;
  #timer = 0;

  /** `kind` says how many steps there will be (`length`), and how many of them are `given`. */
  constructor(kind) {
    this.#kind = kind;
  }

  begin(on) {
    const { length, given } = this.#kind;
    this.#hz = Math.min(MOST_HZ, Math.max(LEAST_HZ, (length - given) / SECONDS));
    this.#on = on;
    this.#pushed = this.#position = 0;
    this.#isWhole = false;
    this.#timer = setInterval(() => this.#tick(), 40);
  }

  push({ length }) {
    if (length && !this.#pushed) {
      this.#since = performance.now();
      this.#on.started();
    }
    this.#pushed += length;
  }

  finish() {
    this.#isWhole = true;
  }

  stop() {
    this.#advance();
    clearInterval(this.#timer);
    this.#on = null;
  }

  close() {
    this.stop();
  }

  /** Steps shown, to the moment. */
  get position() {
    if (this.#on) this.#advance();
    return this.#position;
  }

  #advance() {
    const now = performance.now();
    const next = Math.max(this.#kind.given, this.#position + ((now - this.#since) / 1000) * this.#hz);
    if (this.#pushed) this.#position = Math.min(this.#pushed, next);
    this.#since = now;
  }

  #tick() {
    this.#advance();
    this.#on.heard(this.#position);
    if (!this.#isWhole || this.#position < this.#pushed) return;
    const { ended } = this.#on;
    this.stop();
    ended();
  }
}
