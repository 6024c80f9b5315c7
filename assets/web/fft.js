// The power spectrum of real samples under a Hann window (radix-2 Cooley-Tukey).

export class Spectrum {
  #size;
  #window;
  #cos;
  #sin;
  #order;
  #real;
  #imaginary;

  /** `size` is a power of two. */
  constructor(size) {
    this.#size = size;
    this.#window = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    this.#cos = Float32Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.#sin = Float32Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.#order = Uint32Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((i >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
    this.#real = new Float32Array(size);
    this.#imaginary = new Float32Array(size);
  }

  /** Fill `power` (size / 2 values): a full-scale sine has 1. `sample(i)` gives the samples. */
  of(sample, power) {
    const n = this.#size, real = this.#real, imaginary = this.#imaginary;
    for (let i = 0; i < n; i++) {
      const from = this.#order[i];
      real[i] = sample(from) * this.#window[from];
      imaginary[i] = 0;
    }
    for (let half = 1; half < n; half *= 2) {
      const stride = n / (2 * half);
      for (let start = 0; start < n; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = start + k, b = a + half, c = this.#cos[k * stride], s = this.#sin[k * stride];
          const re = real[b] * c - imaginary[b] * s, im = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
    const scale = (4 / n) ** 2; // of a Hann window's mean, one half, and a sine's two sides
    for (let i = 0; i < n / 2; i++) power[i] = (real[i] ** 2 + imaginary[i] ** 2) * scale;
  }
}
