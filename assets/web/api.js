// What the page asks of the server over HTTP: the models, and a place for a prime.

/** A fault in one line, with the cure. */
export class Fault extends Error {}

const AWAY = "The server does not answer. Start it with “wavegen serve RUN”, then press play.";

/** The models that the server plays. */
export async function models() {
  return (await answer("v1/models", {})).data;
}

/** Upload a file for a model to go on from: {id, seconds, expires_s}. */
export async function upload(file, model) {
  const suffix = file.name.match(/\.[A-Za-z0-9]+$/)?.[0].toLowerCase() ?? "";
  const query = new URLSearchParams({ kind: "prime", model, suffix });
  return answer(`v1/uploads?${query}`, { method: "POST", body: file });
}

async function answer(path, request) {
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Fault(AWAY);
  }
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  throw new Fault(body.error?.message ?? `The server says ${response.status} ${response.statusText}; look at its log.`);
}
