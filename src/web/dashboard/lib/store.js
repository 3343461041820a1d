// All that the page knows of the world, and who wants to hear when it changes. Samples are changed in place by the stream.
import { useEffect, useState } from "./dom.js";

/** @typedef {import("../types.d.ts").Sample} Sample */
/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {import("../types.d.ts").Status} Status */

export const world = {
  /** @type {Status} */
  status: "unknown",
  /** @type {Record<string, Status>} */
  regions: {},
  /** Regions whose bus this node cannot reach. @type {string[]} */
  cutOff: [],
  /** By region and target. @type {Map<string, Sample>} */
  samples: new Map(),
  /** Those that are not over, by id. @type {Map<string, Alert>} */
  alerts: new Map(),
};

/** How the stream is. `skew` is by how much this clock is behind the server's; `since` when it broke. */
export const link = { live: false, text: "connecting", heard: 0, skew: 0, since: Date.now(), known: false };

/** Who looks at the page, as the server wrote it into the page. */
export const viewer = {
  acts: document.body.dataset.acts === "yes",
  signedIn: document.body.dataset.session === "yes",
  node: document.body.dataset.node ?? "",
  version: document.body.dataset.version ?? "",
};

/** @param {string} region @param {string} target */
export const key = (region, target) => `${region}\n${target}`;

/** This moment by the server's clock, milliseconds. */
export const now = () => Date.now() - link.skew;

/** How old a figure is, milliseconds. @param {string | null | undefined} timestamp */
export const ageOf = (timestamp) => (timestamp ? Math.max(0, now() - Date.parse(timestamp)) : Number.POSITIVE_INFINITY);

/** Figures older than this are dimmed: at 4 samples a second, twenty were missed. @param {Sample} sample */
export const isOld = (sample) => !link.live || ageOf(sample.timestamp) > Math.max(5000, 3 * sample.probe.intervalMs);

/** @type {Set<() => void>} */
const listeners = new Set();
const SHORTEST_MS = 250;
let told = 0;
let waiting = false;

function tell() {
  waiting = false;
  told = performance.now();
  for (const listener of [...listeners]) listener();
}

/** Something is new: those who listen hear of it, together, a few times a second at most and never while nobody looks. */
export function changed() {
  if (waiting || document.hidden) return;
  waiting = true;
  setTimeout(() => requestAnimationFrame(tell), Math.max(0, told + SHORTEST_MS - performance.now()));
}

/** @param {() => void} listener */
export function listen(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Draws the component again when the world has changed, at most once in so many milliseconds. */
export function useWorld(every = SHORTEST_MS) {
  const [, draw] = useState(0);
  useEffect(() => {
    let drawn = performance.now();
    let knew = link.known;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let later;
    const again = () => {
      drawn = performance.now();
      clearTimeout(later);
      later = undefined;
      knew = link.known;
      draw((turn) => turn + 1);
    };
    const heard = () => {
      const left = drawn + every - performance.now();
      // The first snapshot waits for nobody.
      if (left <= 0 || knew !== link.known) again();
      else later ??= setTimeout(again, left);
    };
    const stop = listen(heard);
    return () => {
      stop();
      clearTimeout(later);
    };
  }, [every]);
  return world;
}

// Ages grow without news.
setInterval(changed, 1000);
document.addEventListener("visibilitychange", changed);
