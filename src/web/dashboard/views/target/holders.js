// Who holds the connections.
import { html } from "../../lib/dom.js";
import { named, time } from "../../lib/format.js";
import { Table } from "../../parts/table.js";
import { Empty } from "../../parts/words.js";
import { lacks } from "./lacks.js";
import { unknown } from "./sight.js";

/** @typedef {import("../../types.d.ts").Activity} Activity */
/** @typedef {import("../../types.d.ts").Sample} Sample */

const SHOWN = 10;
/** A figure that is known when the sessions are. */
const SESSIONS = "queryPerformance.averageActiveSessions";

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [
  ["Application"],
  ["User"],
  ["Connections", true],
  ["active", true],
  ["idle in transaction", true],
  ["idle", true],
  ["oldest transaction", true],
];

/** @param {{holder: Activity["holders"][number], most: number}} props */
function Row({ holder: { application, user, states, oldestTransactionMs }, most }) {
  return html`<tr>
    <td class="left wrap"><bdi>${named(application)}</bdi></td>
    <td class="left wrap"><bdi>${user}</bdi></td>
    <td><meter max=${most} value=${states.total} aria-hidden="true"></meter> ${states.total}</td>
    <td>${states.active}</td>
    <td class=${states.idleInTransaction > 0 ? "is-degraded" : ""}>${states.idleInTransaction}</td>
    <td>${states.idle}</td>
    <td>${time(oldestTransactionMs)}</td>
  </tr>`;
}

/** @param {{activity: Activity | null, sample: Sample, away: import("./sight.js").Away | null}} props */
export function Holders({ activity, sample, away }) {
  const holders = activity?.holders ?? [];
  const most = Math.max(1, ...holders.map((holder) => holder.states.total));
  const rows = holders
    .slice(0, SHOWN)
    .map((holder) => html`<${Row} key=${`${holder.application}\n${holder.user}`} holder=${holder} most=${most} />`);
  const table = html`<${Table} name="Who holds the connections" columns=${COLUMNS} isLive>${rows}<//>`;
  return html`<section>
    <h2>Who holds the connections</h2>
    ${activity === null && html`<${Empty}>${away ? unknown(away) : `Sessions are not seen: ${lacks(sample, SESSIONS)}.`}<//>`}
    ${activity !== null && holders.length === 0 && html`<${Empty}>Nobody.<//>`}
    ${holders.length > 0 && table}
    ${holders.length > SHOWN && html`<small>and ${holders.length - SHOWN} others with fewer</small>`}
  </section>`;
}
