// Where pieces meet the ear and the eye: one player, one stage, and the tape of what was heard.

import { Pacer } from "./pacer.js";
import { Player } from "./player.js";
import { Tape } from "./tape.js";

export class Deck {
  marks = []; // {step, name} on the axis of time
  #player = null; // until the sound device is open; what it shall do waits meanwhile
  #waiting = [];
  #start = 0; // the step at which the player's count begins
  #made = 0;
  #isRunning = false;

  /** For one take of a kind; `name` is what its files are called. */
  constructor(kind, name) {
    this.kind = kind;
    this.tape = new Tape(kind, name);
  }

  /** Play with it from now on. */
  set player(player) {
    this.#player = player;
    for (const action of this.#waiting) action(player);
    this.#waiting = [];
  }

  /** A player for the kind; the one that is there where it fits. */
  static async player(kind, old) {
    if (!kind.isHeard) {
      await old?.close();
      return new Pacer(kind);
    }
    if (old instanceof Player && old.rate === kind.playerRate && old.inRoom === kind.inRoom) return old;
    await old?.close();
    return Player.open(kind.playerRate, kind);
  }

  /** Go on with what plays, for another listener. */
  goOn(on) {
    this.#do((player) => player.goOn(this.#scaled(on)));
  }

  /** Begin to play at `step`, once `seconds` are there (by default what the player thinks right). */
  begin(step, on, seconds = null) {
    this.#start = this.#made = step;
    this.#isRunning = true;
    this.#do((player) => player.begin(this.#scaled(on), seconds));
  }

  /** Show a piece of a voice and play it. */
  put(piece, voice = 0) {
    this.#made = Math.max(this.#made, piece.first + piece.steps);
    const sound = this.kind.write(piece, voice);
    this.#do((player) => player.push(sound));
  }

  /** Nothing is left from `step` on. */
  cut(step) {
    this.kind.cut(step);
    this.tape.cut(step);
    this.marks = this.marks.filter((mark) => mark.step < step);
  }

  finish() {
    this.#do((player) => player.finish());
  }

  /** Fade out, and stay where it is. */
  stop() {
    if (!this.#isRunning) return undefined;
    this.#start = this.position;
    this.#isRunning = false;
    if (this.#player) return this.#player.stop();
    this.#waiting = [];
    return undefined;
  }

  /** The step that is heard, to the moment. */
  get position() {
    return this.#isRunning && this.#player ? this.#start + (this.#player.position * this.kind.rate) / this.kind.playerRate : this.#start;
  }

  set position(step) {
    this.#start = step;
  }

  /** Milliseconds that are made and not yet heard. */
  get aheadMs() {
    return (1000 * this.ahead) / this.kind.rate;
  }

  /** Steps that are. */
  get ahead() {
    return Math.max(0, this.#made - this.position);
  }

  #do(action) {
    if (this.#player) action(this.#player);
    else this.#waiting.push(action);
  }

  #scaled(on) {
    const scale = this.kind.rate / this.kind.playerRate;
    return { ...on, heard: (samples) => on.heard(this.#start + samples * scale) };
  }

  draw() {
    this.kind.draw(this.position, this.marks);
  }
}
