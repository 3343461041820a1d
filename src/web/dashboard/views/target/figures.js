// The figures of this moment, live.
import { html } from "../../lib/dom.js";
import { bytes, count, DASH, number, percent, rate, time } from "../../lib/format.js";
import { isOld } from "../../lib/store.js";
import { Figure } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** Name, value, what stands below, and whether it is bad. @typedef {[string, string, (string | null)?, boolean?]} Told */

/** @param {Sample} sample @returns {Told[]} */
function told({ connectionPool: pool, queryPerformance: work, database, reachability }) {
  const acquire = reachability.viaPooler?.acquire ?? null;
  const growth = database.growthPerDay === null ? null : `${percent(database.growthPerDay)} a day`;
  const oldest = pool.maxWaitTime ? `oldest ${time(pool.maxWaitTime)}` : null;
  /** @type {Told[]} */
  const all = [
    [
      "Pool used",
      percent(pool.utilization, 0),
      `${pool.activeConnections ?? DASH} of ${pool.poolSize ?? DASH} busy, or of the slots`,
    ],
    ["Clients waiting", count(pool.waitingClients), oldest, Boolean(pool.waitingClients)],
    ["Mean wait", time(pool.averageWaitTime)],
    ["Idle in transaction", count(pool.idleInTransaction)],
    ["Active sessions", number(work.averageActiveSessions, 1), "mean of 1 s"],
    ["Queries", rate(work.queriesPerSecond, " /s")],
    ["Average query", time(work.averageQueryTime)],
    ["Slow", percent(work.slowQueryRate), "of calls"],
    ["Errors", percent(work.errorRate), "of transactions"],
    ["Cache hits", percent(database.cacheHitRatio)],
    ["Running", count(database.activeConnections), `of ${count(database.maxConnections)} slots`],
    ["Size", bytes(database.sizeBytes), growth],
  ];
  return acquire === null ? all : [...all, ["A client waits", time(acquire), "measured"]];
}

/** @param {{sample: Sample}} props */
export function Figures({ sample }) {
  return html`<dl class="figures live ${isOld(sample) ? "old" : ""}">
    ${told(sample).map(
      ([name, value, note, isBad]) =>
        html`<${Figure} key=${name} name=${name} value=${value} note=${note} is=${isBad ? "is-unhealthy" : ""} />`,
    )}
  </dl>`;
}
