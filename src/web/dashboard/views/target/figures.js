// The figures of this moment, live, by whom they are about: clients, the pooler's own connections, or the server's sessions.

import { html } from "../../lib/dom.js";
import { age, bytes, clock, count, DASH, number, percent, rate, time, words } from "../../lib/format.js";
import { ageOf, isOld } from "../../lib/store.js";
import { Figure } from "../../parts/words.js";
import { unknown } from "./sight.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** @typedef {import("../../types.d.ts").Details} Details */
/** Name, value, what stands below, and whether it is bad. @typedef {[string, string, (string | null)?, boolean?]} Told */
/** @typedef {{title: string, isServer?: boolean, figures: Told[]}} Group `isServer`: the server itself tells */

/** What the fullest is, as `connectionPool.utilization` is the larger of the server and its pools. @param {Sample} sample */
function fullest({ poolers, connectionPool: { utilization } }) {
  for (const { database, user, serversActive, size } of poolers.flatMap(({ pools }) => pools)) {
    if (serversActive === null || !size || utilization === null) continue;
    const isIt = Math.abs(serversActive / size - utilization) < 1e-6;
    if (isIt) return `pool \u2068${database}/${user}\u2069: ${serversActive} of ${size} busy`;
  }
  return utilization === null ? null : "the server's slots";
}

/** Isobar's own client, from connecting until it is answered. @param {Sample} sample @returns {Told} */
function tried({ reachability: { viaPooler } }) {
  const ago = viaPooler?.checkedAt ? `, ${age(ageOf(viaPooler.checkedAt))} ago` : "";
  if (viaPooler && viaPooler.acquire === null) return ["A test client", "failed", words(viaPooler.outcome) + ago, true];
  return ["A test client", time(viaPooler?.acquire), `answered${ago}`];
}

/** @param {Sample} sample @returns {Group[]} */
function pooled(sample) {
  const { connectionPool: pool } = sample;
  const isStuck = Boolean(pool.waitingClients) && pool.activeConnections === 0;
  const oldest =
    pool.waitingClients && pool.maxWaitTime ? `the oldest for ${time(pool.maxWaitTime)}` : "for a connection";
  return [
    {
      title: "Clients at the pooler",
      figures: [
        ["Waiting now", count(pool.waitingClients), oldest, Boolean(pool.waitingClients)],
        isStuck
          ? ["Mean wait", DASH, "nobody is served"]
          : ["Mean wait", time(pool.averageWaitTime), "of those just served"],
        tried(sample),
      ],
    },
    {
      title: "Connections of the pooler to the server",
      figures: [
        ["Fullest", percent(pool.utilization, 0), fullest(sample)],
        ["Busy now", `${count(pool.activeConnections)} of ${count(pool.poolSize)}`, "of all pools"],
        ["Free now", count(pool.idleConnections), "open and idle"],
      ],
    },
  ];
}

/** @param {Sample} sample @returns {Group[]} */
function direct({ connectionPool: pool }) {
  return [
    {
      title: "Clients, without a pooler",
      figures: [["A test client", time(pool.averageWaitTime), "until it was let in"]],
    },
  ];
}

/** @param {Sample} sample @param {Details | null} details @param {boolean} isAway @returns {Group[]} */
function server({ connectionPool: pool, queryPerformance: work, database }, details, isAway) {
  const slots = details?.activity?.server;
  const most = slots ? slots.maxConnections - slots.reservedConnections : null;
  const { intervalMs = null, takenAt = null } = details?.queries ?? {};
  const seconds = intervalMs && number(intervalMs / 1000, 0, " s");
  const over = seconds && (isAway && takenAt ? `, ${seconds} until ${clock(takenAt)}` : `, last ${seconds}`);
  const growth = database.growthPerDay === null ? null : `${percent(database.growthPerDay)} a day`;
  return [
    {
      title: "Sessions on the server",
      figures: [
        ["Active now", count(database.activeConnections), "of this database"],
        ["Active, mean", number(work.averageActiveSessions, 1), "over 1 s"],
        ["Idle in transaction", count(pool.idleInTransaction), "now"],
        ["Slots taken", `${count(slots?.clientBackends)} of ${count(most)}`, "whole server"],
      ],
    },
    {
      title: `Statements${over || ""}`,
      figures: [
        ["Calls", rate(work.queriesPerSecond, " /s")],
        ["Mean time", time(work.averageQueryTime)],
        ["Slow", percent(work.slowQueryRate), "of calls"],
        ["Errors", percent(work.errorRate), "of transactions"],
      ],
    },
    {
      title: "Database",
      figures: [
        ["Cache hits", percent(database.cacheHitRatio)],
        ["Size", bytes(database.sizeBytes), growth],
      ],
    },
  ];
}

/** @param {{group: Group, isDim: boolean}} props */
const Part = ({
  group: { title, figures },
  isDim,
}) => html`<section class=${isDim ? "old" : ""} style=${{ "--parts": figures.length }}>
  <h3>${title}</h3>
  <dl class="figures">
    ${figures.map(
      ([name, value, note, isBad]) =>
        html`<${Figure} key=${name} name=${name} value=${value} note=${note} is=${isBad ? "is-unhealthy" : ""} />`,
    )}
  </dl>
</section>`;

/** @param {{sample: Sample, details: Details | null, away: import("./sight.js").Away | null}} props */
export function Figures({ sample, details, away }) {
  const clients = sample.poolers.length > 0 ? pooled(sample) : direct(sample);
  const groups = server(sample, details, away !== null);
  return html`${away && html`<p class="unsighted">? ${unknown(away)} Below, ${DASH} is what is not known, and what is dim was told before.</p>`}
    <div class="figure-groups live ${isOld(sample) ? "old" : ""}">
      ${clients.map((group) => html`<${Part} key=${group.title} group=${group} isDim=${away?.isDark ?? false} />`)}
      ${groups.map((group) => html`<${Part} key=${group.title} group=${group} isDim=${away !== null} />`)}
    </div>`;
}
