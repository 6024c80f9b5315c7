// Canvases that are sharp on every screen, and the colours of the page for them.

const dark = matchMedia("(prefers-color-scheme: dark)");
const NAMES = [
  "ground", "panel", "line", "edge", "ink", "soft", "accent", "soprano", "alto", "tenor", "bass",
  "scope-0", "scope-1", "scope-2", "scope-3", "scope-4",
];

/** The colours of the present scheme, by name. */
export const colours = {};

/** Counts the changes of scheme. */
export let scheme = 0;

function read() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colours[name] = style.getPropertyValue(`--${name}`).trim();
  scheme += 1;
}
read();
dark.addEventListener("change", read);

export const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** A canvas whose units are CSS pixels; its size follows the layout without asking for it. */
export class Pane {
  width = 0;
  height = 0;
  #observer;

  /** `label` says to those who cannot see it what it shows; none hides it from them. */
  constructor(label) {
    this.canvas = document.createElement("canvas");
    if (label) {
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", label);
    } else this.canvas.setAttribute("aria-hidden", "true");
    this.context = this.canvas.getContext("2d");
    this.onsize = null;
    this.#observer = new ResizeObserver(([{ contentRect }]) => {
      this.width = contentRect.width;
      this.height = contentRect.height;
      this.#fit();
      this.onsize?.();
    });
    this.#observer.observe(this.canvas);
  }

  /** Pixels of the screen in one of CSS. */
  get density() {
    return Math.min(3, devicePixelRatio || 1);
  }

  /** Wipe it; the context is ready to draw in CSS pixels. */
  wiped() {
    if (this.canvas.width !== Math.round(this.width * this.density)) this.#fit();
    const { context } = this;
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = FONT;
    return context;
  }

  #fit() {
    this.canvas.width = Math.round(this.width * this.density);
    this.canvas.height = Math.round(this.height * this.density);
  }
}

/** Call `draw` before each frame that the screen shows, until `stop`. */
export class Frames {
  #id = 0;
  #draw;

  constructor(draw) {
    this.#draw = draw;
  }

  start() {
    if (this.#id) return;
    const next = () => {
      this.#id = requestAnimationFrame(next);
      this.#draw();
    };
    next();
  }

  stop() {
    cancelAnimationFrame(this.#id);
    this.#id = 0;
    this.#draw();
  }
}
