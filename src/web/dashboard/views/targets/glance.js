// What a tile and a row show of a target: words and plain figures, worked out once a draw, so that what stayed the same is not
// drawn again.
import { AWAY } from "../../lib/first_aid.js";
import { percent, rate, time, words } from "../../lib/format.js";
import { isPast } from "../../lib/incident.js";
import { isOld, key, world } from "../../lib/store.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** @typedef {import("../../types.d.ts").Status} Status */
/** @typedef {import("../../types.d.ts").Alert} Alert */

/**
 * @typedef {object} Glance
 * @property {string} id
 * @property {string} region
 * @property {string} target
 * @property {Status} status
 * @property {string} fill its colour: the status when it is not healthy, otherwise how hard the pool is pressed, one of LEVELS
 * @property {number} used how much of the pool is in use, whole per cent; what is not known is none
 * @property {number} rank by pressure, the worst the greatest
 * @property {number} trouble by status, then by pressure
 * @property {string} load what is wrong, or the pressure, in words and figures
 * @property {string} more what the tile has no room for
 * @property {boolean} old
 * @property {Sample} sample
 */

/** Of healthy ones: from calm to full, then what cannot be placed between them. */
export const LEVELS = /** @type {const} */ ([
  ["calm", "under 50 %"],
  ["busy", "50 to 80 %"],
  ["tight", "80 % and more"],
  ["queue", "clients wait"],
  ["none", "without figures"],
]);

export const STATUS_RANK = { unhealthy: 3, unknown: 2, degraded: 1, healthy: 0 };
export const SEVERITY_RANK = { critical: 4, high: 3, medium: 2, low: 1 };

/** What is so still first, then the gravest. @param {Alert} a @param {Alert} b */
export const byGravity = (a, b) =>
  Number(isPast(a)) - Number(isPast(b)) || SEVERITY_RANK[b.severity] - SEVERITY_RANK[a.severity];

/** The share of the pool in use; whoever waits counts on top of a full one. @param {Sample["connectionPool"]} pool */
export function pressureOf({ utilization, waitingClients, poolSize, activeConnections }) {
  if (!waitingClients) return utilization;
  return 1 + waitingClients / Math.max(1, poolSize ?? activeConnections ?? 1);
}

/** More pressure than any queue makes. */
const MOST = 1e6;
/** Where these hold, what the pool says is beside the point. */
const OUT = new Set([...AWAY, "pooler_down"]);

/** @param {Status} status @param {number | null} pressure */
function fillOf(status, pressure) {
  if (status !== "healthy") return status;
  if (pressure === null) return "none";
  if (pressure > 1) return "queue";
  return pressure >= 0.8 ? "tight" : pressure >= 0.5 ? "busy" : "calm";
}

/** @param {Status} status @param {Sample} sample */
function loadOf(status, sample) {
  const { reasons, connectionPool: pool } = sample;
  if (status === "unknown") return "not seen";
  if (reasons.length > 0) return figureOf(sample);
  const used = percent(pool.utilization, 0);
  return pool.waitingClients ? `${used} · ${pool.waitingClients} wait` : used;
}

/**
 * Who is down is under more pressure than can be said; who cannot be seen, or hurts elsewhere, comes after those who wait.
 * @param {Status} status @param {string | undefined} rule that of the gravest reason @param {number | null} pressure
 */
function rankOf(status, rule, pressure) {
  if (status === "unknown") return 1;
  if (status === "unhealthy" && rule !== undefined && OUT.has(rule)) return MOST;
  return Math.min(MOST, pressure ?? (status === "unhealthy" ? 1 : -1));
}

/** @param {Sample} sample @returns {Glance} */
function glanceAt(sample) {
  const { region, target, connectionPool: pool } = sample;
  // The last words of a region that nothing is heard of say nothing about now.
  const status = world.regions[region] === "unknown" ? "unknown" : sample.status;
  const pressure = pressureOf(pool);
  const rank = rankOf(status, sample.reasons[0]?.rule, pressure);
  return {
    id: key(region, target),
    region,
    target,
    status,
    fill: fillOf(status, pressure),
    used: status === "unknown" ? 0 : Math.round(Math.min(1, pool.utilization ?? 0) * 100),
    rank,
    trouble: STATUS_RANK[status] * 10 * MOST + rank,
    load: loadOf(status, sample),
    more: sample.reasons[0]?.message ?? "",
    old: isOld(sample),
    sample,
  };
}

/** All targets, in no order. */
export const glances = () => Array.from(world.samples.values(), glanceAt);

/** Rules whose name says too little. @type {Record<string, string>} */
const SHORT = {
  blocking_chain: "blocked by a lock",
  connection_leak: "idle in transaction",
  database_rejecting: "refuses connections",
  database_unresponsive: "does not answer",
  size_growth: "grows fast",
  xid_wraparound: "transaction ids run out",
};
const inShort = (/** @type {string} */ rule) => SHORT[rule] ?? words(rule);

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
    return rule === undefined ? "no figures" : inShort(rule);
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
  return inShort(rule);
}
