// Standard MIDI Files: a track for each voice of a score.

import { VOICES } from "./notes.js";

const TICKS_A_QUARTER = 480;
const TICKS_A_STEP = TICKS_A_QUARTER / 4; // a step is a sixteenth
const CHURCH_ORGAN = 19;
const VELOCITY = 80;

const ascii = (text) => [...text].map((letter) => letter.charCodeAt(0));
const word = (value, bytes) => Array.from({ length: bytes }, (_, i) => (value >> (8 * (bytes - 1 - i))) & 0xff);
const chunk = (name, body) => [...ascii(name), ...word(body.length, 4), ...body];
const meta = (type, body) => [0xff, type, body.length, ...body];

/** A number in groups of 7 bits, all but the last with the high bit. */
function variable(value) {
  const groups = [value & 0x7f];
  for (let rest = value >> 7; rest; rest >>= 7) groups.unshift((rest & 0x7f) | 0x80);
  return groups;
}

/** Events [tick, bytes] in order to a track. */
function track(events) {
  let before = 0;
  const body = events.flatMap(([tick, bytes]) => {
    const delta = variable(tick - before);
    before = tick;
    return [...delta, ...bytes];
  });
  return chunk("MTrk", [...body, 0, ...meta(0x2f, [])]);
}

function voiceTrack(notes, voice, channel) {
  const events = notes
    .filter((note) => note.voice === voice)
    .flatMap(({ pitch, start, end }) => [
      [start * TICKS_A_STEP, [0x90 | channel, pitch, VELOCITY], 1],
      [end * TICKS_A_STEP, [0x80 | channel, pitch, 0], 0],
    ])
    .sort((a, b) => a[0] - b[0] || a[2] - b[2]); // a note ends before the next one begins
  const name = voice[0].toUpperCase() + voice.slice(1);
  return track([[0, meta(0x03, ascii(name))], [0, [0xc0 | channel, CHURCH_ORGAN]], ...events]);
}

/** Notes {voice, pitch, start, end} in steps, of which `stepsHz` are a second, to a file. */
export function midiFile(notes, stepsHz) {
  const tempo = Math.round(4e6 / stepsHz); // microseconds a quarter
  const tracks = [
    track([[0, meta(0x51, word(tempo, 3))]]),
    ...VOICES.map((voice, channel) => voiceTrack(notes, voice, channel)),
  ];
  const head = chunk("MThd", [...word(1, 2), ...word(tracks.length, 2), ...word(TICKS_A_QUARTER, 2)]);
  return new Blob([Uint8Array.from([...head, ...tracks.flat()])], { type: "audio/midi" });
}
