// Who copies from whom, and how far behind.
import { html } from "../../lib/dom.js";
import { bytes, number, time } from "../../lib/format.js";

const seconds = (/** @type {number | null | undefined} */ value) => time(value === null || value === undefined ? null : value * 1000);

/** @param {{vitals: any}} props */
export function Replication({ vitals }) {
  const found = vitals?.replication;
  if (!found || (!found.upstream && found.replicas.length + found.slots.length === 0)) return null;
  return html`<section>
    <h2>Replication <small>${found.role}${found.timeline === null ? "" : `, timeline ${number(found.timeline, 0)}`}</small></h2>
    ${found.upstream && html`<p>${found.upstream.streaming ? html`<span class="is-healthy">● streaming</span>` : html`<span class="is-degraded">▲ not streaming</span>`} from <bdi>${found.upstream.sender ?? "a primary that it does not name"}</bdi>, ${seconds(found.upstream.lagSeconds)} behind, ${bytes(found.upstream.lagBytes)} to replay${found.upstream.paused ? html`, <span class="is-degraded">▲ replay paused</span>` : null}</p>`}
    ${found.replicas.length > 0 && html`<div class="scroll"><table>
      <thead><tr><th class="left" scope="col">Replica</th><th class="left" scope="col">state</th><th class="left" scope="col">sync</th><th scope="col">to send</th><th scope="col">to replay</th><th scope="col">replay lag</th></tr></thead>
      <tbody class="live">${found.replicas.map((/** @type {any} */ one) => html`<tr><td class="left wrap"><bdi>${one.application}</bdi> <small>${one.address ?? ""}</small></td><td class="left">${one.state}</td><td class="left">${one.syncState}</td>
        <td>${bytes(one.sendLagBytes)}</td><td>${bytes(one.replayLagBytes)}</td><td>${seconds(one.replayLagSeconds)}</td></tr>`)}</tbody>
    </table></div>`}
    ${found.slots.length > 0 && html`<div class="scroll"><table>
      <thead><tr><th class="left" scope="col">Slot</th><th class="left" scope="col">kind</th><th class="left" scope="col">state</th><th scope="col">retains</th></tr></thead>
      <tbody>${found.slots.map((/** @type {any} */ slot) => html`<tr><td class="left wrap"><bdi>${slot.name}</bdi></td><td class="left">${slot.kind ?? slot.slotType ?? ""}</td><td class="left">${slot.active ? "in use" : "not in use"}</td><td>${bytes(slot.retainedBytes)}</td></tr>`)}</tbody>
    </table></div>`}
  </section>`;
}
