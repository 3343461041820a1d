// The past of a target, as its charts draw it: asked for once, then only what is newer. Buckets of all figures share their times.
import { get, pathOf } from "./api.js";
import { useEffect, useRef, useState } from "./dom.js";
import { poll } from "./poll.js";
import { now } from "./store.js";

/** @typedef {import("../types.d.ts").Series} Series */
/** @typedef {import("../types.d.ts").Point} Point */
/** A time that is looked at: the last so many milliseconds, or from one moment to another. @typedef {{last: number} | {from: number, to: number}} Range */
/** @typedef {{at: number[], of: (metric: string, what?: What) => (number | null)[], stepMs: number, from: number, to: number}} Past */
/** @typedef {"mean" | "max" | "min" | "last" | "p95"} What */

/** @param {Range} range @returns {[number, number]} */
export function bounds(range) {
  if ("from" in range) return [range.from, range.to];
  const to = now();
  return [to - range.last, to];
}

const SOONEST_MS = 1000;

/** Buckets by their time, metric by metric. */
class Kept {
  constructor() {
    /** @type {Map<string, Map<number, Point>>} */
    this.points = new Map();
    this.stepMs = 0;
    this.newest = 0;
  }

  /** @param {Series[]} all @param {number} from */
  take(all, from) {
    for (const series of all) {
      const points = this.points.get(series.metric) ?? new Map();
      this.points.set(series.metric, points);
      this.stepMs = Math.max(this.stepMs, series.stepMs);
      for (const point of series.points) {
        const at = Date.parse(point.at);
        points.set(at, point);
        this.newest = Math.max(this.newest, at);
      }
      for (const at of points.keys()) {
        if (at >= from - this.stepMs) break;
        points.delete(at);
      }
    }
  }

  /** One table for all; a hole is a null. @param {number} from @param {number} to @returns {Past} */
  table(from, to) {
    const times = new Set([...this.points.values()].flatMap((points) => [...points.keys()]));
    const at = [...times].sort((a, b) => a - b);
    /** @type {number[]} */
    const whole = [];
    at.forEach((moment, index) => {
      const before = at[index - 1];
      if (before !== undefined && moment - before > 2.5 * this.stepMs) whole.push(before + this.stepMs);
      whole.push(moment);
    });
    const of = (/** @type {string} */ metric, /** @type {What} */ what = "mean") => {
      const points = this.points.get(metric);
      return whole.map((moment) => {
        const point = points?.get(moment);
        if (!point) return null;
        return what === "p95" ? (point.percentiles?.p95 ?? point.max) : point[what];
      });
    };
    return { at: whole.map((moment) => moment / 1000), of, stepMs: this.stepMs, from, to };
  }
}

/**
 * The past of some figures; null before it is there. A running range goes on at its live edge.
 * @param {string} region @param {string} target @param {readonly string[]} metrics @param {Range} range @param {number} [every]
 * @returns {{past: Past | null, error: Error | null}}
 */
export function usePast(region, target, metrics, range, every = SOONEST_MS) {
  const [state, set] = useState(/** @type {{past: Past | null, error: Error | null}} */ ({ past: null, error: null }));
  const asked = JSON.stringify([region, target, metrics, range]);
  const latest = useRef(asked);
  latest.current = asked;
  useEffect(() => {
    const stop = new AbortController();
    const kept = new Kept();
    const once = async () => {
      const [from, to] = bounds(range);
      try {
        const since = kept.newest > from ? kept.newest : Math.floor(from);
        const step = kept.stepMs ? `&step=${kept.stepMs}ms` : "";
        const path = `${pathOf(region, target)}/history?metric=${metrics.join(",")}&from=${since}&to=${Math.ceil(to)}${step}`;
        const answer = await get(path, stop.signal);
        kept.take(answer.series ?? [answer], from);
        if (latest.current === asked) set({ past: kept.table(from, to), error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        set((before) => ({ ...before, error: /** @type {Error} */ (error) }));
      }
    };
    set({ past: null, error: null });
    const end = poll(once, () => ("last" in range ? Math.min(60_000, Math.max(every, kept.stepMs)) : undefined));
    return () => {
      stop.abort();
      end();
    };
  }, [asked, every]);
  return state;
}
