// The figures of this moment, live.
import { html } from "../../lib/dom.js";
import { bytes, count, DASH, number, percent, rate, time } from "../../lib/format.js";
import { isOld } from "../../lib/store.js";
import { Figure } from "../../parts/words.js";

/** @param {{sample: import("../../types.d.ts").Sample}} props */
export function Figures({ sample }) {
  const { connectionPool: pool, queryPerformance: work, database, reachability } = sample;
  const acquire = reachability.viaPooler?.acquire;
  return html`<dl class="figures live ${isOld(sample) ? "old" : ""}">
    <${Figure} name="Pool used" value=${percent(pool.utilization, 0)} note=${`${pool.activeConnections ?? DASH} of ${pool.poolSize ?? DASH} busy`} />
    <${Figure} name="Clients waiting" value=${count(pool.waitingClients)} is=${pool.waitingClients ? "is-unhealthy" : ""} note=${pool.maxWaitTime ? `oldest ${time(pool.maxWaitTime)}` : null} />
    <${Figure} name="Mean wait" value=${time(pool.averageWaitTime)} />
    <${Figure} name="Idle in transaction" value=${count(pool.idleInTransaction)} />
    <${Figure} name="Active sessions" value=${number(work.averageActiveSessions, 1)} note="mean of 1 s" />
    <${Figure} name="Queries" value=${rate(work.queriesPerSecond, " /s")} />
    <${Figure} name="Average query" value=${time(work.averageQueryTime)} />
    <${Figure} name="Slow" value=${percent(work.slowQueryRate)} note="of calls" />
    <${Figure} name="Errors" value=${percent(work.errorRate)} note="of transactions" />
    <${Figure} name="Cache hits" value=${percent(database.cacheHitRatio)} />
    <${Figure} name="Connections" value=${count(database.activeConnections)} note=${`active, of ${count(database.maxConnections)}`} />
    <${Figure} name="Size" value=${bytes(database.sizeBytes)} note=${database.growthPerDay === null ? null : `${percent(database.growthPerDay)} a day`} />
    ${acquire !== null && acquire !== undefined && html`<${Figure} name="A client waits" value=${time(acquire)} note="measured" />`}
  </dl>`;
}
