// The pools in front of it, those inside applications too.
import { html } from "../../lib/dom.js";
import { DASH, time } from "../../lib/format.js";
import { Table } from "../../parts/table.js";
import { Ago, Empty } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Sample["poolers"][number]} Pooler */
/** @typedef {import("../../types.d.ts").Pool} Pool */
/** @typedef {import("../../parts/table.js").Column} Column */

/** @type {Column[]} */
const POOL = [
  ["Pool"],
  ["mode"],
  ["connections busy / size", true],
  ["free", true],
  ["clients served", true],
  ["clients waiting", true],
  ["the oldest for", true],
];
/** @type {Column[]} */
const APPLICATION = [
  ["Application"],
  ["pool"],
  ["connections used / max", true],
  ["free", true],
  ["requests waiting", true],
  ["told", true],
];

/** @param {{pool: Pool}} props */
function PoolRow({ pool }) {
  return html`<tr>
    <td class="left wrap">
      <bdi>${pool.database}</bdi> <small><bdi>${pool.user}</bdi></small>
      ${pool.paused && html` <span class="is-degraded">▲ paused</span>`}
    </td>
    <td class="left">${pool.mode}</td>
    <td>${pool.serversActive ?? DASH} / ${pool.size ?? DASH}</td>
    <td>${pool.serversIdle ?? DASH}</td>
    <td>${pool.clientsActive ?? DASH}</td>
    <td class=${pool.clientsWaiting ? "is-unhealthy" : ""}>${pool.clientsWaiting ?? DASH}</td>
    <td>${time(pool.maxWaitTime)}</td>
  </tr>`;
}

/** Null: nothing tells. @param {{pooler: Pooler}} props */
function Up({ pooler: { up, outcome } }) {
  if (up === null) return null;
  return up ? html`<span class="is-healthy">● up</span>` : html`<span class="is-unhealthy">■ down: ${outcome}</span>`;
}

/** @param {{pooler: Pooler}} props */
function PoolerPart({ pooler }) {
  const rows = pooler.pools.map((pool) => html`<${PoolRow} key=${`${pool.database}\n${pool.user}`} pool=${pool} />`);
  return html`<h3>${pooler.kind} <bdi>${pooler.name}</bdi> <${Up} pooler=${pooler} /></h3>
    <${Table} name=${`Pools of ${pooler.name}`} columns=${POOL} isLive>${rows}<//>`;
}

/** @param {any} pool */
const applicationRow = (pool) => html`<tr key=${`${pool.service}\n${pool.instance}\n${pool.pool}`}>
  <td class="left wrap"><bdi>${pool.service}</bdi> <small><bdi>${pool.instance ?? ""}</bdi></small></td>
  <td class="left wrap"><bdi>${pool.pool}</bdi></td>
  <td>${pool.used ?? DASH} / ${pool.max ?? DASH}</td>
  <td>${pool.idle ?? DASH}</td>
  <td>${pool.pending ?? DASH}</td>
  <td><${Ago} at=${pool.toldAt} /> ago</td>
</tr>`;

/** @param {{sample: import("../../types.d.ts").Sample, vitals: any}} props */
export function Pools({ sample, vitals }) {
  const applications = vitals?.applications ?? [];
  const none = sample.poolers.length + applications.length === 0;
  const inside = html`<h3>In applications, as they tell</h3>
    <${Table} name="Pools in applications" columns=${APPLICATION}>${applications.map(applicationRow)}<//>`;
  return html`<section>
    <h2>Pools</h2>
    ${none && html`<${Empty}>No pooler is configured: connections go straight to the server.<//>`}
    ${sample.poolers.map((pooler) => html`<${PoolerPart} key=${pooler.name} pooler=${pooler} />`)}
    ${applications.length > 0 && inside}
  </section>`;
}
