// The form beside the stage: what shall be played, as the protocol says it.

const element = (id) => document.getElementById(id);
const TEMPERATURES = { notes: 0.9 }; // what suits a kind; others are themselves at 1
const MAX_SEED = 2 ** 32; // easy to write down

export const newSeed = () => Math.floor(Math.random() * MAX_SEED);

/** "fermata_every" to "Fermata every". */
const words = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

export class Settings {
  #plan = [];

  /** `on.controls()` while a slider moves, `on.seed()` when the dice fell. */
  constructor(on) {
    this.form = element("settings");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    for (const id of ["temperature", "top-p"]) {
      const slider = element(id);
      slider.addEventListener("input", () => {
        this.#show(slider);
        on.controls();
      });
      this.#show(slider);
    }
    element("seed").value = newSeed();
    element("dice").addEventListener("click", () => {
      element("seed").value = newSeed();
      on.seed();
    });
  }

  /** Show what can be asked of a model. */
  offer(model) {
    const { labels, plan, kind, default_seconds, rate_hz, controls } = model;
    element("temperature").value = TEMPERATURES[kind] ?? 1;
    this.#show(element("temperature"));
    element("top-p-field").hidden = !controls.some(({ name }) => name === "top_p");
    element("label-field").hidden = labels.length === 0;
    element("label").replaceChildren(...labels.map((label) => new Option(label, label)));
    element("length-field").hidden = kind !== "values";
    element("length").value = Math.round(default_seconds * rate_hz);
    this.#plan = plan.map((field) => ({ field, input: this.#input(field) }));
    element("plan").replaceChildren(...this.#plan.map(({ field, input }) => this.#row(field, input)));
  }

  get controls() {
    const temperature = Number(element("temperature").value);
    return element("top-p-field").hidden ? { temperature } : { temperature, top_p: Number(element("top-p").value) };
  }

  get seed() {
    const input = element("seed");
    if (!input.checkValidity()) input.value = newSeed();
    return Number(input.value);
  }

  set seed(seed) {
    element("seed").value = seed;
  }

  /** Steps of a forecast. */
  get length() {
    const input = element("length");
    return input.checkValidity() && input.value ? Number(input.value) : 200;
  }

  /** What a new sequence shall be: {label, plan}, where there is anything to say. */
  get wishes() {
    const wishes = {};
    if (!element("label-field").hidden) wishes.label = element("label").value;
    const plan = {};
    for (const { field, input } of this.#plan) {
      const value = this.#value(field, input);
      if (value !== null && value !== field.default) plan[field.name] = value;
    }
    if (Object.keys(plan).length) wishes.plan = plan;
    return wishes;
  }

  #show(slider) {
    element(`${slider.id}-value`).textContent = Number(slider.value).toFixed(2);
    const part = (slider.value - slider.min) / (slider.max - slider.min);
    slider.style.setProperty("--part", `${100 * part}%`);
  }

  #input({ name, type, default: usual, choices }) {
    const input = document.createElement(choices.length ? "select" : "input");
    input.id = `plan-${name}`;
    if (choices.length) {
      input.replaceChildren(...choices.map((choice) => new Option(choice, choice, false, choice === usual)));
      return input;
    }
    input.type = { integer: "number", number: "number", boolean: "checkbox" }[type] ?? "text";
    if (type === "number") input.step = "any";
    if (type === "boolean") input.checked = usual === true;
    else input.placeholder = "any";
    return input;
  }

  #row({ name, help }, input) {
    const row = document.createElement("div");
    const label = document.createElement("label");
    const text = document.createElement("p");
    row.className = "field line";
    label.htmlFor = input.id;
    label.textContent = words(name);
    text.id = `${input.id}-help`;
    text.className = "soft";
    text.textContent = `${words(help)}.`;
    input.setAttribute("aria-describedby", text.id);
    row.append(label, input, text);
    return row;
  }

  #value({ type }, input) {
    if (type === "boolean") return input.checked;
    if (input.value.trim() === "") return null;
    return type === "integer" || type === "number" ? Number(input.value) : input.value.trim();
  }
}
