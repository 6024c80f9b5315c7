// What the page says in words and numbers: status, errors, figures, the progress of a wait.

const element = (id) => document.getElementById(id);

/** Write only what changed: screens and screen readers notice each write. */
function say(id, text) {
  const node = element(id);
  if (node.textContent !== text) node.textContent = text;
}

/** Thousands with a space between, as figures are set. */
const ms = (value) => `${Math.round(value).toLocaleString("en").replaceAll(",", " ")} ms`;

export class Figures {
  #underruns = 0;

  status(text) {
    say("status", text);
  }

  /** One line with the cure; none takes it away. */
  error(text) {
    say("error", text ?? "");
    element("error").hidden = !text;
  }

  about({ kind, rate_hz, slots }) {
    const rate = rate_hz >= 1000 ? `${rate_hz / 1000} kHz` : `${Number(rate_hz.toFixed(2))} steps/s`;
    const what = { samples: `sound, ${rate}`, notes: "four voices", values: "series" }[kind];
    say("first-name", kind === "values" ? "First value" : "First sound");
    say("about", `${what} · ${slots} ${slots === 1 ? "slot" : "slots"}`);
  }

  /** Seconds since the beginning, in tenths; steps for what has no seconds. */
  clock(position, kind) {
    const seconds = position / kind.rate;
    const minutes = `${Math.floor(seconds / 60)}:${(Math.floor((seconds % 60) * 10) / 10).toFixed(1).padStart(4, "0")}`;
    say("clock", kind.isHeard ? minutes : `${Math.floor(position)} / ${kind.length}`);
  }

  fresh() {
    this.#underruns = 0;
    say("underruns", "0");
    for (const id of ["first-sound", "ahead", "queue"]) say(id, "–");
  }

  firstSound(value) {
    say("first-sound", ms(value));
  }

  ahead({ kind, ahead, aheadMs }) {
    say("ahead", kind.isHeard ? ms(Math.round(aheadMs / 10) * 10) : String(Math.round(ahead)));
  }

  underrun() {
    this.#underruns += 1;
    say("underruns", String(this.#underruns));
  }

  /** How many times as fast as it is heard one voice is made. */
  speed(xrt) {
    say("speed", `${xrt >= 100 ? Math.round(xrt) : xrt.toFixed(xrt >= 10 ? 0 : xrt < 1 ? 2 : 1)}×`);
  }

  stats({ xrt, listeners, queued }, isPlaying) {
    if (isPlaying) this.speed(xrt); // who waits is not made at any speed
    say("listeners", String(listeners));
    say("queue", String(queued));
  }

  place(position) {
    say("queue", `place ${position}`);
  }

  /** How much of what must be there first is there (0 to 1); null ends the wait. */
  waiting(share, text = "") {
    element("waiting").hidden = share === null;
    if (share === null) return;
    say("wait-text", text);
    element("wait").value = share;
  }
}
