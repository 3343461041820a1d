// The pools in front of it, those inside applications too.
import { html } from "../../lib/dom.js";
import { DASH, time } from "../../lib/format.js";
import { Ago, Empty } from "../../parts/words.js";

/** @param {{sample: import("../../types.d.ts").Sample, vitals: any}} props */
export function Pools({ sample, vitals }) {
  const applications = vitals?.applications ?? [];
  return html`<section>
    <h2>Pools</h2>
    ${sample.poolers.length + applications.length === 0 && html`<${Empty}>No pooler is configured: connections go straight to the server.<//>`}
    ${sample.poolers.map((pooler) => html`<h3 key=${pooler.name}>${pooler.kind} <bdi>${pooler.name}</bdi> ${pooler.up === null ? "" : pooler.up ? html`<span class="is-healthy">● up</span>` : html`<span class="is-unhealthy">■ down: ${pooler.outcome}</span>`}</h3>
      <div class="scroll"><table>
        <thead><tr><th class="left" scope="col">Pool</th><th class="left" scope="col">mode</th><th scope="col">busy / size</th><th scope="col">idle</th><th scope="col">clients</th><th scope="col">waiting</th><th scope="col">oldest wait</th></tr></thead>
        <tbody class="live">${pooler.pools.map((pool) => html`<tr key=${`${pool.database}\n${pool.user}`}>
          <td class="left wrap"><bdi>${pool.database}</bdi> <small><bdi>${pool.user}</bdi></small>${pool.paused ? html` <span class="is-degraded">▲ paused</span>` : null}</td><td class="left">${pool.mode}</td>
          <td>${pool.serversActive ?? DASH} / ${pool.size ?? DASH}</td><td>${pool.serversIdle ?? DASH}</td><td>${pool.clientsActive ?? DASH}</td>
          <td class=${pool.clientsWaiting ? "is-unhealthy" : ""}>${pool.clientsWaiting ?? DASH}</td><td>${time(pool.maxWaitTime)}</td>
        </tr>`)}</tbody>
      </table></div>`)}
    ${applications.length > 0 && html`<h3>In applications, as they tell</h3><div class="scroll"><table>
      <thead><tr><th class="left" scope="col">Application</th><th class="left" scope="col">pool</th><th scope="col">used / max</th><th scope="col">idle</th><th scope="col">waiting</th><th scope="col">told</th></tr></thead>
      <tbody>${applications.map((/** @type {any} */ pool) => html`<tr><td class="left wrap"><bdi>${pool.service}</bdi> <small><bdi>${pool.instance ?? ""}</bdi></small></td><td class="left wrap"><bdi>${pool.pool}</bdi></td>
        <td>${pool.used ?? DASH} / ${pool.max ?? DASH}</td><td>${pool.idle ?? DASH}</td><td>${pool.pending ?? DASH}</td><td><${Ago} at=${pool.toldAt} /> ago</td></tr>`)}</tbody>
    </table></div>`}
  </section>`;
}
