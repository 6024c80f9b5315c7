// A file that the sequence shall begin with: chosen or dropped on the page, kept with the server.

import { upload } from "./api.js";

const element = (id) => document.getElementById(id);
const SPARE_MS = 20_000; // an id that ends so soon is asked for anew

export class Prime {
  #file = null;
  #model = null;
  #kept = null; // {id, seconds, until}
  #on;

  /** `on.ready()` when a file can be played, `on.failed(error)`. */
  constructor(on) {
    this.#on = on;
    element("prime").addEventListener("change", ({ target }) => target.files[0] && this.#take(target.files[0]));
    element("prime-off").addEventListener("click", () => this.#forget());
    let depth = 0; // dragenter and dragleave come for every element below
    document.addEventListener("dragenter", () => (document.body.dataset.dragging = depth++));
    document.addEventListener("dragleave", () => --depth || delete document.body.dataset.dragging);
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      delete document.body.dataset.dragging;
      const [file] = event.dataTransfer.files;
      if (file) this.#take(file);
    });
  }

  /** Primes are of one model; another one asks anew. */
  offer(model) {
    if (this.#model?.id !== model.id) this.#forget();
    this.#model = model;
    element("prime").accept = model.suffixes.join(",");
    this.#say();
  }

  /** {id, seconds} of the file as the server has it, or null; uploaded again if it was forgotten. */
  async kept() {
    if (!this.#file) return null;
    if (!this.#kept || this.#kept.until < performance.now() + SPARE_MS) {
      const { id, seconds, expires_s } = await upload(this.#file, this.#model.id);
      this.#kept = { id, seconds, until: performance.now() + 1000 * expires_s };
    }
    return this.#kept;
  }

  async #take(file) {
    this.#forget();
    this.#file = file;
    element("prime-text").textContent = `Sending ${file.name}`;
    try {
      await this.kept();
      this.#say();
      this.#on.ready();
    } catch (error) {
      this.#forget();
      this.#on.failed(error);
    }
  }

  #forget() {
    this.#file = this.#kept = null;
    element("prime").value = "";
    this.#say();
  }

  #say() {
    const seconds = this.#kept?.seconds ?? 0, isSeries = this.#model?.kind === "values";
    const length = isSeries ? `${Math.round(seconds * this.#model.rate_hz)} steps` : `${seconds.toFixed(1)} s`;
    const ending = this.#model?.suffixes[0] ?? "";
    element("prime-text").textContent = this.#file ? `${this.#file.name} · ${length}` : `Drop a ${ending} file here, or choose one`;
    element("prime-off").hidden = !this.#file;
    element("drop").toggleAttribute("data-full", this.#file !== null);
  }
}
