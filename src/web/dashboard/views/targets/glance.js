// What a tile and a row show of a target: words and plain figures, worked out once a draw, so that what stayed the same is not
// drawn again.
import { percent, rate, time, words } from "../../lib/format.js";
import { isOld, key, world } from "../../lib/store.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** @typedef {import("../../types.d.ts").Status} Status */

/**
 * @typedef {object} Glance
 * @property {string} id
 * @property {string} region
 * @property {string} target
 * @property {Status} status
 * @property {string} level how hard the pool is pressed, one of LEVELS
 * @property {number} rank by pressure, the worst the greatest
 * @property {string} load the same in words and figures
 * @property {string} more what the tile has no room for
 * @property {boolean} old
 * @property {Sample} sample
 */

/** From calm to jammed, then what cannot be placed between them. */
export const LEVELS = /** @type {const} */ ([
  ["calm", "under 50 %"],
  ["busy", "50 to 80 %"],
  ["tight", "80 % and more"],
  ["queue", "clients wait"],
  ["jam", "more wait than the pool has connections"],
  ["down", "down"],
  ["none", "without figures"],
  ["blind", "cannot be seen"],
]);

export const STATUS_RANK = { unhealthy: 3, unknown: 2, degraded: 1, healthy: 0 };
export const SEVERITY_RANK = { critical: 4, high: 3, medium: 2, low: 1 };

/** The share of the pool in use; whoever waits counts on top of a full one. @param {Sample["connectionPool"]} pool */
export function pressureOf({ utilization, waitingClients, poolSize, activeConnections }) {
  if (!waitingClients) return utilization;
  return 1 + waitingClients / Math.max(1, poolSize ?? activeConnections ?? 1);
}

/** Where these hold, what the pool says is beside the point. */
const OUT = new Set(["database_down", "database_unresponsive", "database_rejecting", "pooler_down"]);

/** @param {Status} status @param {string | undefined} rule that of the gravest reason @param {number | null} pressure */
function levelOf(status, rule, pressure) {
  if (status === "unknown") return "blind";
  if (status === "unhealthy" && rule !== undefined && OUT.has(rule)) return "down";
  if (pressure === null) return "none";
  if (pressure > 2) return "jam";
  if (pressure > 1) return "queue";
  return pressure >= 0.8 ? "tight" : pressure >= 0.5 ? "busy" : "calm";
}

/** @param {string} level @param {string | undefined} rule @param {string} used @param {number} waiting */
function loadOf(level, rule, used, waiting) {
  if (level === "blind") return "not seen";
  if (level === "down") return words(rule ?? "down");
  return waiting > 0 ? `${used} · ${waiting} wait` : used;
}

/**
 * Who is down is under more pressure than can be said; who cannot be seen, or hurts elsewhere, comes after those who wait.
 * @param {string} level @param {Status} status @param {number | null} pressure
 */
function rankOf(level, status, pressure) {
  if (level === "down") return Number.POSITIVE_INFINITY;
  return level === "blind" ? 1 : (pressure ?? (status === "unhealthy" ? 1 : -1));
}

/** @param {Sample} sample @returns {Glance} */
function glanceAt(sample) {
  const { region, target, connectionPool: pool } = sample;
  // The last words of a region that nothing is heard of say nothing about now.
  const status = world.regions[region] === "unknown" ? "unknown" : sample.status;
  const pressure = pressureOf(pool);
  const level = levelOf(status, sample.reasons[0]?.rule, pressure);
  const waiting = pool.waitingClients ?? 0;
  return {
    id: key(region, target),
    region,
    target,
    status,
    level,
    rank: rankOf(level, status, pressure),
    load: loadOf(level, sample.reasons[0]?.rule, percent(pool.utilization, 0), waiting),
    more: sample.reasons[0]?.message ?? "",
    old: isOld(sample),
    sample,
  };
}

/** All targets, in no order. */
export const glances = () => Array.from(world.samples.values(), glanceAt);

/** What a region's or a target's trouble comes to in a few words, such as "pool 100 %, 34 wait 4.2 s". @param {Sample} sample */
export function figureOf({ reasons, connectionPool: pool, queryPerformance: queries, database }) {
  const waits = pool.waitingClients
    ? `, ${pool.waitingClients} wait${pool.maxWaitTime ? ` ${time(pool.maxWaitTime)}` : ""}`
    : "";
  const full = pool.utilization === null ? null : `pool ${percent(pool.utilization, 0)}${waits}`;
  const rule = reasons[0]?.rule;
  if (rule === undefined || rule.startsWith("pool_")) {
    if (full !== null) return full;
    if (queries.averageActiveSessions !== null) return rate(queries.averageActiveSessions, " active sessions");
    return rule === undefined ? "no figures" : words(rule);
  }
  if (rule === "query_slow" && queries.averageQueryTime !== null)
    return `queries take ${time(queries.averageQueryTime)}`;
  if (rule === "slow_query_rate" && queries.slowQueryRate !== null)
    return `${percent(queries.slowQueryRate)} slow queries`;
  if (rule === "error_rate" && queries.errorRate !== null) return `${percent(queries.errorRate)} errors`;
  if (rule === "connection_leak" && pool.idleInTransaction !== null)
    return `${pool.idleInTransaction} idle in transaction`;
  if (rule === "cache_hit_low" && database.cacheHitRatio !== null)
    return `${percent(database.cacheHitRatio)} cache hits`;
  return words(rule);
}
