// In which order targets stand. What changes by the second would make them dance, so an order holds for a while.
import { useRef } from "../../lib/dom.js";

/** @typedef {import("./glance.js").Glance} Glance */

const HOLDS_MS = 5000;
/** Nor do tiles run away from under a pointer; but a screen on the wall with a forgotten pointer goes on. */
const HELD_MS = 30_000;

/** Where nothing is known comes last. @param {number | null | undefined} figure */
const known = (figure) => figure ?? -1;

/** @type {Record<string, (glance: Glance) => number>} */
const BY = {
  trouble: ({ trouble }) => trouble,
  pressure: ({ rank }) => rank,
  wait: ({ sample: { connectionPool: pool } }) => known(pool.averageWaitTime) + known(pool.waitingClients) / 1e6,
  sessions: ({ sample }) => known(sample.queryPerformance.averageActiveSessions),
  errors: ({ sample }) => known(sample.queryPerformance.errorRate),
};

export const SORTS = /** @type {const} */ ([
  ["trouble", "trouble, then pressure"],
  ["pressure", "pressure"],
  ["name", "name"],
  ["wait", "wait"],
  ["sessions", "active sessions"],
  ["errors", "errors"],
]);

/** @param {Glance[]} all @param {string} sort */
export function sorted(all, sort) {
  const by = BY[sort];
  /** @param {Glance} a @param {Glance} b */
  const named = (a, b) => (a.id < b.id ? -1 : 1);
  if (!by) return [...all].sort(named);
  const figures = new Map(all.map((glance) => [glance.id, by(glance)]));
  return [...all].sort((a, b) => {
    const [left = 0, right = 0] = [figures.get(a.id), figures.get(b.id)];
    return left === right ? named(a, b) : right - left;
  });
}

/**
 * All in order; one that still holds, unless there is a newcomer.
 * @param {Glance[]} all @param {string} sort @param {() => boolean} held
 */
export function useOrder(all, sort, held) {
  const last = useRef({ at: 0, sort: "", place: /** @type {Map<string, number>} */ (new Map()) });
  const { at, sort: before, place } = last.current;
  const age = performance.now() - at;
  const stands = sort === before && age < (age > HOLDS_MS && held() ? HELD_MS : HOLDS_MS);
  if (stands && all.every(({ id }) => place.has(id))) {
    return [...all].sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
  }
  const anew = sorted(all, sort);
  last.current = { at: performance.now(), sort, place: new Map(anew.map(({ id }, index) => [id, index])) };
  return anew;
}
