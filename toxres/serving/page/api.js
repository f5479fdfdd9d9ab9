// The service, asked over HTTP from where the page came from.

const KEY = "toxres.key";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function useKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export async function ask(path, body) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers["X-API-Key"] = key;
  const options = { headers };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  }
  for (let tries = 0; ; tries += 1) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Refused(0, "The service can't be reached. Is it running?");
    }
    if (answer.status === 503 && tries < 3) {
      const seconds = Math.min(Number(answer.headers.get("Retry-After")) || 1, 10);
      await new Promise((done) => { setTimeout(done, 1000 * seconds); });
      continue;
    }
    const found = await answer.json().catch(() => ({}));
    if (answer.ok) return found;
    throw new Refused(answer.status, found.error?.message || `The service answered ${answer.status}.`);
  }
}
