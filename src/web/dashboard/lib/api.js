// Questions to the server. A refusal becomes an error with the server's own words; a session that ended leads to the sign-in.
import { useEffect, useState } from "./dom.js";
import { poll } from "./poll.js";

/** @param {string} region @param {string} target */
export const pathOf = (region, target) => `/api/databases/${encodeURIComponent(region)}/${encodeURIComponent(target)}`;

/** A refusal, or no answer. */
export class Refused extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
async function ask(path, init) {
  const answer = await fetch(path, init).catch((cause) => {
    if (init?.signal?.aborted) throw cause;
    throw new Refused("no answer from Isobar; try again", 0);
  });
  if (answer.ok) return answer;
  if (answer.status === 401) location.reload();
  const body = await answer.json().catch(() => null);
  throw new Refused(body?.error?.message ?? `${answer.status} ${answer.statusText}`, answer.status);
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export const get = async (path, signal) => (await ask(path, { signal })).json();

/** @param {string} path @param {AbortSignal} [signal] */
export const getText = async (path, signal) => (await ask(path, { signal })).text();

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} */
export async function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
}

/**
 * What a question answers, asked again every so many milliseconds while somebody looks; the last answer stays when one fails.
 * @template T
 * @param {string | null} path null asks nothing
 * @param {number} [every]
 * @param {(path: string, signal: AbortSignal) => Promise<T>} [how]
 * @returns {{data: T | null, error: Error | null, again: () => void}}
 */
export function useAnswer(path, every, how = get) {
  const [state, set] = useState(
    /** @type {{path: string | null, data: T | null, error: Error | null}} */ ({ path, data: null, error: null }),
  );
  const [turn, next] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    const once = async () => {
      try {
        const data = await how(path, stop.signal);
        if (!stop.signal.aborted) set({ path, data, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        set((before) => ({
          path,
          data: before.path === path ? before.data : null,
          error: /** @type {Error} */ (error),
        }));
      }
    };
    const end = poll(once, () => every);
    return () => {
      stop.abort();
      end();
    };
  }, [path, every, turn]);
  const mine = state.path === path ? state : { data: null, error: null };
  return { data: mine.data, error: mine.error, again: () => next((number) => number + 1) };
}
