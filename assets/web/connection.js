// One WebSocket of the stream protocol, version 1 (wavegen/serve/PROTOCOL.md).

const CLOSED = {
  1001: "The server has ended. Start it again, then press play.",
  1006: "The connection to the server broke. Press play to connect again.",
  1008: "The server refused: a limit, the token or the origin. Its log says which.",
  1013: "The server is full. Try again in a moment.",
};
const LINES = 2;

/**
 * Begins with `start`; `listener` has a method for each type of message that it wants,
 * `frame({voice, first, steps, payload, isText})`, and `closed(fault)`, which comes last,
 * once; its fault is a line, or null where all went well.
 */
export class Connection {
  #socket;
  #listener;
  #fault = null;
  #isOver = false;

  constructor(start, listener) {
    this.#listener = listener;
    const url = new URL("v1/stream", location.origin + location.pathname);
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    const first = { type: "start", version: 1, ...start };
    this.#socket.onopen = () => this.send(first);
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#given(data));
    this.#socket.onclose = ({ code, reason }) => {
      const fault = code === 1000 || code === 1005 ? null : reason || CLOSED[code];
      this.#end(this.#fault ?? fault ?? (code >= 1002 ? `The server closed the connection (${code}); look at its log.` : null));
    };
  }

  /** Send a message if there is still someone to read it. */
  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** End it now; nothing more is told, not even `closed`. */
  close() {
    this.#isOver = true;
    this.send({ type: "cancel" });
    this.#socket.close(1000);
  }

  #told(message) {
    if (this.#isOver) return;
    if (message.type === "error" && message.fatal !== false) this.#fault = message.message;
    else this.#listener[message.type]?.(message);
  }

  #given(buffer) {
    if (this.#isOver) return;
    const head = new DataView(buffer, 0, 16);
    const kind = head.getUint8(0);
    if (kind > LINES) return; // a state: `saved` names it
    this.#listener.frame({
      voice: head.getUint8(1),
      steps: head.getUint32(4, true),
      first: Number(head.getBigUint64(8, true)),
      payload: buffer.slice(16),
    });
  }

  #end(fault) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.closed(fault);
  }
}
