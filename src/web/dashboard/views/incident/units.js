// What each rule judges, and its figures in words: as the messages say it.
import { DASH, number, time as precise } from "../../lib/format.js";

/** @typedef {"ms" | "s" | "share" | "share a day"} Unit */
/** @typedef {{name: string, unit: Unit | null, falls?: boolean}} Judged */

/** @type {Record<string, Judged>} */
const RULES = {
  region_blind: { name: "Silence", unit: "s" },
  pool_saturated: { name: "Utilization", unit: "share" },
  pool_waiting: { name: "Oldest wait", unit: "ms" },
  connection_leak: { name: "Connections held", unit: "share" },
  blocking_chain: { name: "Longest blocked", unit: "ms" },
  query_slow: { name: "Query time", unit: "ms" },
  slow_query_rate: { name: "Slow calls", unit: "share" },
  error_rate: { name: "Failed transactions", unit: "share" },
  cache_hit_low: { name: "Cache hits", unit: "share", falls: true },
  size_growth: { name: "Growth", unit: "share a day" },
  replication_lag: { name: "Lag", unit: "s" },
  xid_wraparound: { name: "Age", unit: "share" },
};

/** @param {string} rule @returns {Judged} a rule that judges attempts has no unit */
export const judgedBy = (rule) => RULES[rule] ?? { name: "Value", unit: null };

/** `5 s`, where `5.0 s` says no more. @param {number} ms */
const time = (ms) => (ms === 0 ? "0 s" : precise(ms).replace(/\.0+ /, " "));

/** @param {number} percent */
function percents(percent) {
  const isFine = (percent < 10 || percent > 90) && Math.abs(percent - Math.round(percent)) > 0.05;
  return number(percent, isFine ? 1 : 0, " %");
}

/** @param {import("../../lib/format.js").Known} value @param {Unit | null} unit */
export function show(value, unit) {
  if (value === null || value === undefined || unit === null) return DASH;
  if (unit === "ms") return time(value);
  if (unit === "s") return time(value * 1000);
  return percents(value * 100) + (unit === "share" ? "" : " a day");
}

/** A value on the axis of a chart. @param {number} value @param {string} unit */
export function tick(value, unit) {
  if (unit === "ms") return time(value);
  if (unit === "s") return time(value * 1000);
  if (unit === "%") return percents(value);
  return `${number(value, Number.isInteger(value) ? 0 : 1)} ${unit}`.trim();
}

/**
 * The threshold in the chart's unit; null where the chart shows something else.
 * @param {import("../../types.d.ts").Alert} alert
 * @param {string} unit
 */
export function onChart({ rule, threshold }, unit) {
  if (threshold === null) return null;
  const judged = judgedBy(rule).unit;
  if (judged === unit) return threshold;
  if (judged === "ms" && unit === "s") return threshold / 1000;
  if (judged === "s" && unit === "ms") return threshold * 1000;
  return judged === "share" && unit === "%" ? threshold * 100 : null;
}
