// Plays samples as they come: one queue in the audio thread, and what it says about itself.

const ROOM_SECONDS = 1.8;

/** An audio context at `rate` where the browser makes one, else at its own. */
function contextAt(rate) {
  try {
    return new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  } catch {
    return new AudioContext({ latencyHint: "interactive" }); // the worklet resamples
  }
}

/** A small church: noise that dies away, darker than it began. */
function room(context) {
  const length = Math.round(ROOM_SECONDS * context.sampleRate);
  const echo = context.createBuffer(2, length, context.sampleRate);
  for (let side = 0; side < 2; side++) {
    const samples = echo.getChannelData(side);
    let dull = 0;
    for (let i = 0; i < length; i++) {
      const t = i / length;
      dull += (Math.random() * 2 - 1 - dull) * (0.5 - 0.42 * t);
      samples[i] = dull * (1 - t) ** 3 * Math.min(1, i / (0.012 * context.sampleRate));
    }
  }
  return new ConvolverNode(context, { buffer: echo });
}

export class Player {
  #context;
  #node;
  #rate;
  #run = 0;
  #last = { heard: 0, time: 0, isSounding: false };
  #stopped = [];
  #on;
  #pushed = 0;
  #room = null;

  /** For samples at `rate`. Call it where a person has just pressed something. */
  static async open(rate, { inRoom }) {
    const context = contextAt(rate);
    const running = context.resume(); // asked for within the gesture
    await context.audioWorklet.addModule("player-worklet.js");
    await running;
    return new Player(context, rate, inRoom);
  }

  /** Whether it sounds as in a church. */
  inRoom;

  constructor(context, rate, inRoom) {
    this.#context = context;
    this.#rate = rate;
    this.inRoom = inRoom;
    this.#node = new AudioWorkletNode(context, "wavegen-player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.connect(context.destination);
    this.#node.port.onmessage = ({ data }) => this.#told(data);
  }

  get rate() {
    return this.#rate;
  }

  /** Start anew, silent until enough is queued. `on` has started, underrun, ended and heard. */
  begin(on, seconds = null) {
    this.#on = on;
    this.#run += 1;
    this.#pushed = 0;
    this.#last = { heard: 0, time: this.#context.currentTime, isSounding: false };
    this.#post({ type: "begin", rate: this.#rate, seconds });
    return this.#context.resume(); // a phone may have put it to sleep
  }

  /** More comes after `finish`, and another one is told from now on. */
  goOn(on) {
    this.#on = on;
    this.#post({ type: "more" });
  }

  /** Queue samples; they are copied. */
  push(samples) {
    this.#pushed += samples.length;
    const copy = samples.slice();
    this.#node.port.postMessage({ type: "push", run: this.#run, samples: copy }, [copy.buffer]);
  }

  /** No more will come. */
  finish() {
    this.#post({ type: "finish" });
  }

  /** Fade out; resolves when it is silent. */
  stop() {
    this.#on = null;
    this.#last = { ...this.#last, isSounding: false };
    this.#post({ type: "stop" });
    return new Promise((resolve) => this.#stopped.push(resolve));
  }

  /** Give the sound device back. */
  close() {
    return this.#context.close();
  }

  /** Samples heard since `begin`, to the moment. */
  get position() {
    const { heard, time, isSounding } = this.#last;
    if (!isSounding) return heard;
    const since = this.#context.currentTime - time;
    return Math.min(this.#pushed, heard + Math.max(0, Math.min(since, 0.5)) * this.#rate);
  }

  /** Once it sounds: a church takes a moment to build, and nobody should wait for it. */
  #openRoom() {
    this.#room = room(this.#context);
    const wet = new GainNode(this.#context, { gain: 0.32 });
    this.#node.connect(this.#room).connect(wet).connect(this.#context.destination);
  }

  #post(message) {
    this.#node.port.postMessage({ run: this.#run, ...message });
  }

  #told(data) {
    if (data.type === "stopped") return this.#stopped.shift()?.();
    if (data.run !== this.#run || !this.#on) return undefined;
    this.#last = data;
    if (data.type === "started" && this.inRoom && !this.#room) this.#openRoom();
    if (data.type !== "report") this.#on[data.type]?.();
    return this.#on?.heard?.(data.heard);
  }
}
