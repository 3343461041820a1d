// Each region as this node sees it: its nodes, its probes, and the way to its bus.
import { html } from "../../lib/dom.js";
import { count, DASH, number } from "../../lib/format.js";
import { Table } from "../../parts/table.js";
import { Ago, Status } from "../../parts/words.js";

/** @typedef {import("./asked.js").Region} Region */

/** @param {{roster: import("./asked.js").Roster}} props */
function Probes({ roster }) {
  const said = [
    `${count(roster.probes)} for ${count(roster.targets)} targets`,
    roster.seen < roster.targets && `${count(roster.targets - roster.seen)} never heard`,
    roster.silent > 0 && `${count(roster.silent)} silent`,
    roster.panics > 0 && `restarted ${count(roster.panics)} × after a panic`,
    roster.hangs > 0 && `restarted ${count(roster.hangs)} × after silence`,
    roster.givenUp > 0 && `${count(roster.givenUp)} given up`,
    roster.dropped > 0 && `${count(roster.dropped)} readings dropped`,
  ];
  return html`<span>${said.filter(Boolean).join(" · ")}</span>`;
}

/** @param {Region} region */
function bus({ latency, trouble, cutOff }) {
  if (trouble !== null) return html`<span class="is-unhealthy wrap">■ ${trouble}</span>`;
  if (cutOff) return html`<span class="is-unhealthy">■ cut off from this node</span>`;
  return html`<span>${number(latency, 1, " ms")}</span>`;
}

/** @param {{region: Region}} props */
function Nodes({ region: { nodes, leader } }) {
  if (nodes.length === 0) return html`<span>${DASH}</span>`;
  return nodes.map(
    ({ node, heardAt, targets }) => html`<div>
      <b class="wrap">${node}</b>${node === leader ? " (leads)" : ""}
      ${" "}<small>${count(targets)} ${targets === 1 ? "target" : "targets"}, heard <${Ago} at=${heardAt} /> ago</small>
    </div>`,
  );
}

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [["region"], ["status"], ["heard, ago", true], ["nodes"], ["probes"], ["bus, there and back"]];

/** @param {{regions: Region[]}} props */
export function Regions({ regions }) {
  const row = (/** @type {Region} */ region) => html`<tr key=${region.region}>
    <th scope="row" class="left">
      <a href=${`/targets?region=${encodeURIComponent(region.region)}`}>${region.region}</a>
    </th>
    <td class="left"><${Status} is=${region.status} /></td>
    <td><${Ago} at=${region.heardAt} /></td>
    <td class="left"><${Nodes} region=${region} /></td>
    <td class="left">${region.roster && html`<${Probes} roster=${region.roster} />`}</td>
    <td class="left">${bus(region)}</td>
  </tr>`;
  return html`<${Table} name="Regions" columns=${COLUMNS} kind="own-table">${regions.map(row)}<//>`;
}
