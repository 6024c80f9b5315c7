// The page: finds the models, and ties what is pressed to what is played.

import { models } from "./api.js";
import { Frames } from "./canvas.js";
import { Deck } from "./deck.js";
import { Figures } from "./figures.js";
import { kindOf } from "./kinds.js";
import { Prime } from "./prime.js";
import { Settings } from "./settings.js";
import { Studio } from "./studio.js";
import { Tiles } from "./tiles.js";

const element = (id) => document.getElementById(id);
const FIGURES_MS = 200; // faster, nobody could read them

const figures = new Figures();
const settings = new Settings({
  controls: () => studio.update(),
  seed: () => studio.state === "playing" && studio.play(),
});
const prime = new Prime({
  ready: () => studio.state === "idle" && studio.play(),
  failed: (error) => figures.error(error.message),
});
const known = new Map();

const page = {
  figures,
  settings,
  prime,
  model: () => known.get(element("model").value),
  /** The kind of the chosen model, anew and on the stage; finds the models if there are none yet. */
  async kind() {
    if (!known.size) await find();
    return stage();
  },
  changed: show,
};
const studio = new Studio(page);
const tiles = new Tiles({
  hear: (voice) => studio.branching.hear(voice),
  keep: (voice) => studio.branching.keep(voice),
});
let isTiled = false;
let told = 0;

const frames = new Frames(() => {
  const { deck } = studio;
  if (!deck) return;
  deck.draw();
  const { previews, active } = studio.branching;
  if (isTiled) tiles.draw(previews.feeds, active, deck.position);
  const now = performance.now();
  figures.clock(deck.position, deck.kind);
  if (now - told < FIGURES_MS) return;
  told = now;
  if (studio.state === "playing") figures.ahead(deck);
  showWait(deck);
});

/** Below real time: how much is there of what must be there first. */
function showWait(deck) {
  const { wait } = studio;
  if (!wait) return figures.waiting(null);
  const made = deck.aheadMs / 1000;
  const left = Math.max(1, Math.ceil((wait.needed - made) / wait.xrt));
  const text = `This machine makes ${wait.xrt.toFixed(2)} seconds of it in a second: it begins in about ${left} s, and then does not stop.`;
  return figures.waiting(Math.min(1, made / wait.needed), text);
}

/** Buttons, tiles and hints as the studio's state wants them. */
function show() {
  const { state } = studio;
  const { previews } = studio.branching;
  const isOn = state !== "idle";
  const model = page.model();
  const name = isOn ? "Stop" : "Play";
  element("play").toggleAttribute("data-on", isOn);
  element("play-name").textContent = name;
  element("hint").hidden = isOn || studio.deck !== null;
  element("previews").hidden = !model || model.kind === "values";
  const mayTile = state === "choosing" && previews?.feeds.length > 0;
  if (mayTile && !isTiled) tiles.open(previews.feeds.length, previews.steps);
  if (!mayTile && isTiled) {
    const hadFocus = element("tiles").contains(document.activeElement);
    tiles.close();
    if (hadFocus) element("play").focus({ preventScroll: true }); // not lost with its tile
  }
  isTiled = mayTile;
  const from = state === "choosing" ? "back" : isOn ? "here" : "start";
  element("previews-title").textContent = from === "start" ? "Eight beginnings" : "Eight ways on";
  element("previews-text").textContent = {
    start: "Hear how it could begin, eight times. Keep one, go on from there.",
    here: "Hear eight continuations of this moment. Keep one, go on from there.",
    back: "Press one to hear it. The one you keep goes on.",
  }[from];
  element("branch").textContent = from === "back" ? "None of these" : "Make eight previews";
  element("branch").disabled = state === "opening" || state === "keeping";
  if (!studio.wait) figures.waiting(null);
  if (isOn) frames.start();
  else frames.stop();
}

/** Put the pictures of the chosen model on the stage, empty. */
function stage() {
  const kind = kindOf(page.model(), settings.length);
  element("stage").replaceChildren(...kind.panes.map((pane) => pane.canvas), element("hint"));
  for (const pane of kind.panes) pane.onsize = () => (studio.deck?.kind === kind ? studio.deck.draw() : kind.draw(0, []));
  return kind;
}

/** Ask the server for its models; the one that was chosen stays chosen. */
async function find() {
  const list = await models();
  if (!list.length) throw new Error("The server has no models; start it with “wavegen serve RUN”.");
  for (const model of list) known.set(model.id, model);
  const select = element("model");
  select.replaceChildren(...list.map(({ id }) => new Option(id, id)));
  select.disabled = false;
  offer();
}

function choose() {
  studio.stop();
  offer();
}

/** Show the chosen model and what can be asked of it. */
function offer() {
  const model = page.model();
  studio.deck = null;
  settings.offer(model);
  prime.offer(model);
  figures.about(model);
  figures.fresh();
  figures.speed(model.xrt);
  const kind = stage();
  figures.clock(0, kind);
  const files = new Deck(kind, model.id).tape.files(() => 0);
  element("downloads-name").textContent = kind.isHeard ? "Keep what you heard" : "Keep the forecast";
  element("download-buttons").replaceChildren(...files.map(({ suffix }, i) => download(suffix, i)));
  show();
}

function download(suffix, i) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = suffix;
  button.setAttribute("aria-label", `Download it as ${suffix}`);
  button.addEventListener("click", () => {
    const { deck } = studio;
    if (!deck) return figures.error("There is nothing to keep yet; press play first.");
    const { name, make } = deck.tape.files(() => deck.position)[i];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(make());
    link.download = name;
    link.click();
    return setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return button;
}

function toggle() {
  if (studio.state === "idle") studio.play();
  else studio.stop("Stopped");
}

element("play").addEventListener("click", toggle);
element("branch").addEventListener("click", () => studio.branching.press());
element("model").addEventListener("change", choose);
document.addEventListener("keydown", (event) => {
  const isTyped = event.target.closest("input:not([type=range]), select, button, a, textarea");
  if (event.code !== "Space" || event.repeat || isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault(); // or the page would scroll
  toggle();
});

find().catch((error) => figures.error(error.message));
