// The judged figure from before the incident until now, or until some minutes after its end: from the target's history, since what the
// alert brings along ends when it last changed. Without a history that must do.
import { usePast } from "../../lib/history.js";
import { now } from "../../lib/store.js";

/** @typedef {import("../../types.d.ts").Alert} Alert */
/** @typedef {[number, number | null]} Point */

/** Where the history has a chart's figure, its unit over that of the history, and which value of a step is the worst. @typedef {{path: string, scale: number, worst: "max" | "min"}} Kept */

const MINUTE_MS = 60_000;
const AROUND_MS = 5 * MINUTE_MS;
const EVERY_MS = 2000;
/** A range that grows by the second would be asked for anew each second. */
const SPANS_MS = [10, 15, 20, 30, 45, 60, 90, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200].map(
  (minutes) => minutes * MINUTE_MS,
);

/** @param {string} path @param {number} [scale] @param {"max" | "min"} [worst] @returns {Kept} */
const kept = (path, scale = 1, worst = "max") => ({ path, scale, worst });

/** By the name of the chart's figure. @type {Record<string, Kept>} */
const FIGURES = {
  utilization: kept("connectionPool.utilization", 100),
  "oldest wait": kept("connectionPool.maxWaitTime"),
  "idle in transaction": kept("connectionPool.idleInTransaction"),
  "average query time": kept("queryPerformance.averageQueryTime"),
  "slow queries": kept("queryPerformance.slowQueryRate", 100),
  errors: kept("queryPerformance.errorRate", 100),
  "cache hits": kept("database.cacheHitRatio", 100, "min"),
  "active sessions": kept("queryPerformance.averageActiveSessions"),
  connections: kept("connectionPool.totalConnections", 1, "min"),
};

/** @param {Alert} alert @returns {import("../../lib/history.js").Range} */
function rangeOf({ startedAt, resolvedAt }) {
  const from = Date.parse(startedAt) - AROUND_MS;
  const to = resolvedAt === null ? null : Date.parse(resolvedAt) + AROUND_MS;
  if (to !== null && to < now()) return { from, to };
  return { last: SPANS_MS.find((span) => now() - from <= span) ?? now() - from };
}

/** Where the history has the figure of a chart. @param {Alert} alert @param {Alert["chart"]} chart */
export const keptOf = ({ target }, { figure }) => (target === null ? undefined : FIGURES[figure]);

/** @param {Alert} alert @param {Alert["chart"]} chart @param {Kept} from @returns {{points: Point[], to: number}} `to` is where the chart ends */
export function usePoints(alert, chart, { path, scale, worst }) {
  const { past } = usePast(alert.region, alert.target ?? "", [path], rangeOf(alert), EVERY_MS);
  const values = past ? past.of(path, worst) : [];
  if (!past || !values.some((value) => value !== null)) return { points: chart.points, to: 0 };
  const scaled = values.map((value) => (value === null ? null : value * scale));
  const points = past.at.map((at, index) => /** @type {Point} */ ([at * 1000, scaled[index] ?? null]));
  return { points, to: past.to };
}
