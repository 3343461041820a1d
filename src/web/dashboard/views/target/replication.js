// Who copies from whom, and how far behind.
import { html } from "../../lib/dom.js";
import { bytes, isKnown, number, time } from "../../lib/format.js";
import { Table } from "../../parts/table.js";

/** @typedef {import("../../parts/table.js").Column} Column */

/** @type {Column[]} */
const REPLICA = [["Replica"], ["state"], ["sync"], ["to send", true], ["to replay", true], ["replay lag", true]];
/** @type {Column[]} */
const SLOT = [["Slot"], ["kind"], ["state"], ["retains", true]];

const seconds = (/** @type {number | null | undefined} */ value) => time(isKnown(value) ? Number(value) * 1000 : null);

/** @param {{upstream: any}} props */
function Upstream({ upstream }) {
  const { streaming, sender, lagSeconds, lagBytes, paused } = upstream;
  return html`<p>
    ${streaming ? html`<span class="is-healthy">● streaming</span>` : html`<span class="is-degraded">▲ not streaming</span>`}
    ${" from "}<bdi>${sender ?? "a primary that it does not name"}</bdi>, ${seconds(lagSeconds)} behind,
    ${" "}${bytes(lagBytes)} to replay${paused && html`, <span class="is-degraded">▲ replay paused</span>`}
  </p>`;
}

/** @param {any} one */
const replicaRow = (one) => html`<tr key=${`${one.application}\n${one.address}`}>
  <td class="left wrap"><bdi>${one.application}</bdi> <small>${one.address ?? ""}</small></td>
  <td class="left">${one.state}</td>
  <td class="left">${one.syncState}</td>
  <td>${bytes(one.sendLagBytes)}</td>
  <td>${bytes(one.replayLagBytes)}</td>
  <td>${seconds(one.replayLagSeconds)}</td>
</tr>`;

/** @param {any} slot */
const slotRow = (slot) => html`<tr key=${slot.name}>
  <td class="left wrap"><bdi>${slot.name}</bdi></td>
  <td class="left">${slot.kind}</td>
  <td class="left">${slot.active ? "in use" : "not in use"}${slot.invalidation ? `, lost: ${slot.invalidation}` : ""}</td>
  <td>${bytes(slot.retainedBytes)}</td>
</tr>`;

/** @param {{vitals: any}} props */
export function Replication({ vitals }) {
  const found = vitals?.replication;
  if (!found || (!found.upstream && found.replicas.length + found.slots.length === 0)) return null;
  const timeline = isKnown(found.timeline) ? `, timeline ${number(found.timeline, 0)}` : "";
  const replicas = html`<${Table} name="Replicas" columns=${REPLICA} isLive>${found.replicas.map(replicaRow)}<//>`;
  const slots = html`<${Table} name="Replication slots" columns=${SLOT}>${found.slots.map(slotRow)}<//>`;
  return html`<section>
    <h2>Replication <small>${found.role}${timeline}</small></h2>
    ${found.upstream && html`<${Upstream} upstream=${found.upstream} />`}
    ${found.replicas.length > 0 && replicas}
    ${found.slots.length > 0 && slots}
  </section>`;
}
