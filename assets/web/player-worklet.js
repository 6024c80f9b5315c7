// The player's part in the audio thread: a queue of samples that fades instead of clicking.

const FADE_SECONDS = 0.005;
const FIRST_SECONDS = 0.08; // queued before anything sounds
const MORE_SECONDS = 0.005; // for each underrun
const MOST_MORE_SECONDS = 0.08;
const REPORT_SECONDS = 0.04;

/** Samples in order, in a ring that grows. */
class Queue {
  #ring = new Float32Array(1 << 15);
  written = 0;

  push(samples, read) {
    const kept = this.written - read + 1; // the one before `read` is still needed
    if (kept + samples.length > this.#ring.length) this.#grow(kept + samples.length, read);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < samples.length; i++) this.#ring[(this.written + i) & mask] = samples[i];
    this.written += samples.length;
  }

  /** The curve through four neighbours (Hermite) at `at` + `part`; at the samples, the samples. */
  value(at, part) {
    const ring = this.#ring, mask = ring.length - 1;
    const here = ring[at & mask];
    if (part === 0) return here;
    const before = ring[(at - 1) & mask], next = ring[(at + 1) & mask], after = ring[(at + 2) & mask];
    const slope = (next - before) / 2;
    const bend = before - 2.5 * here + 2 * next - after / 2;
    const twist = (after - before) / 2 + 1.5 * (here - next);
    return ((twist * part + bend) * part + slope) * part + here;
  }

  #grow(needed, read) {
    const larger = new Float32Array(1 << Math.ceil(Math.log2(needed)));
    const old = this.#ring;
    for (let i = read - 1; i < this.written; i++) larger[i & (larger.length - 1)] = old[i & (old.length - 1)];
    this.#ring = larger;
  }
}

class PlayerProcessor extends AudioWorkletProcessor {
  #queue = new Queue();
  #run = 0; // tells reports of what plays now from older ones
  #state = "idle"; // idle, filling, sounding
  #rate = 1; // source samples a second
  #needed = 0; // samples to be queued before it sounds
  #more = 0; // seconds that underruns have added
  #isWhole = false; // no more samples will come
  #read = 0;
  #part = 0;
  #gain = 0;
  #slope = 0;
  #then = null; // what a stop hands on to, once it is silent
  #reported = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this[data.type](data);
  }

  begin({ run, rate, seconds }) {
    this.#after(() => {
      this.#queue = new Queue();
      this.#run = run;
      this.#rate = rate;
      this.#read = this.#part = this.#more = 0;
      this.#needed = (seconds ?? FIRST_SECONDS) * rate;
      this.#isWhole = false;
      this.#state = "filling";
    });
  }

  push({ run, samples }) {
    const add = () => {
      if (run === this.#run) this.#queue.push(samples, this.#read);
    };
    if (this.#then) this.#then.push(add);
    else add();
  }

  finish({ run }) {
    const mark = () => (this.#isWhole ||= run === this.#run);
    if (this.#then) this.#then.push(mark);
    else mark();
  }

  /** It is not whole after all. */
  more({ run }) {
    if (run === this.#run) this.#isWhole = false;
  }

  stop() {
    this.#after(() => {
      this.#state = "idle";
      this.port.postMessage({ type: "stopped" });
    });
  }

  process(_, [output]) {
    const [out] = output;
    const ratio = this.#rate / sampleRate;
    const reserve = Math.ceil(FADE_SECONDS * sampleRate * ratio) + 3;
    for (let i = 0; i < out.length; i++) out[i] = this.#next(ratio, reserve);
    for (let channel = 1; channel < output.length; channel++) output[channel].set(out);
    if (currentTime - this.#reported >= REPORT_SECONDS) this.#report();
    return true;
  }

  #next(ratio, reserve) {
    const left = this.#queue.written - this.#read;
    if (this.#state === "filling" && (left >= this.#needed || this.#isWhole)) {
      if (left <= reserve && this.#isWhole) return this.#end();
      this.#state = "sounding";
      this.#slope = 1 / (FADE_SECONDS * sampleRate);
      this.#report("started");
    }
    if (this.#state !== "sounding") return 0;
    if (left <= reserve && this.#slope > 0) this.#slope *= -1; // just enough is left to fade
    this.#gain = Math.min(1, Math.max(0, this.#gain + this.#slope));
    const value = this.#queue.value(this.#read, this.#part) * this.#gain * this.#gain * (3 - 2 * this.#gain);
    this.#part += ratio;
    const whole = Math.floor(this.#part);
    this.#read += whole;
    this.#part -= whole;
    if (this.#gain === 0 && this.#slope < 0) this.#silent();
    return value;
  }

  #silent() {
    if (this.#then) return this.#goOn();
    if (this.#isWhole) return this.#end();
    this.#state = "filling";
    this.#more = Math.min(MOST_MORE_SECONDS, this.#more + MORE_SECONDS);
    this.#needed = (FIRST_SECONDS + this.#more) * this.#rate;
    this.#report("underrun");
  }

  #end() {
    this.#state = "idle";
    this.#gain = 0;
    this.#report("ended");
    return 0;
  }

  /** Do it once nothing sounds. */
  #after(action) {
    if (this.#then) this.#then.push(action);
    else {
      this.#then = [action];
      if (this.#state === "sounding") this.#slope = -1 / (FADE_SECONDS * sampleRate);
      else this.#goOn();
    }
  }

  #goOn() {
    const actions = this.#then;
    this.#then = null;
    this.#state = "idle";
    this.#gain = 0;
    for (const action of actions) action();
  }

  #report(type = "report") {
    this.#reported = currentTime;
    const isSounding = this.#state === "sounding";
    this.port.postMessage({ type, run: this.#run, heard: this.#read + this.#part, time: currentTime, isSounding });
  }
}

registerProcessor("wavegen-player", PlayerProcessor);
