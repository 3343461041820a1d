// Who holds the connections.
import { html } from "../../lib/dom.js";
import { time } from "../../lib/format.js";
import { Empty } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Activity} Activity */
/** @typedef {import("../../types.d.ts").Sample} Sample */

const SHOWN = 10;

/** Why a part is not known, in the server's words. @param {Sample} sample @param {string} field */
export function lacks(sample, field) {
  const missing = sample.probe.missing.find((one) => one.field.startsWith(field));
  return missing ? `${missing.cause}${missing.fix ? `: ${missing.fix}` : ""}` : "not read yet";
}

/** @param {{activity: Activity | null, sample: Sample}} props */
export function Holders({ activity, sample }) {
  const holders = activity?.holders ?? [];
  const most = Math.max(1, ...holders.map((holder) => holder.states.total));
  return html`<section>
    <h2>Who holds the connections</h2>
    ${activity === null && html`<${Empty}>Sessions are not seen: ${lacks(sample, "activity")}.<//>`}
    ${activity !== null && holders.length === 0 && html`<${Empty}>Nobody.<//>`}
    ${holders.length > 0 && html`<div class="scroll"><table>
      <thead><tr><th class="left" scope="col">Application</th><th class="left" scope="col">User</th><th scope="col">Connections</th><th scope="col">active</th><th scope="col">idle in transaction</th><th scope="col">idle</th><th scope="col">oldest transaction</th></tr></thead>
      <tbody class="live">${holders.slice(0, SHOWN).map(({ application, user, states, oldestTransactionMs }) => html`<tr key=${`${application}\n${user}`}>
        <td class="left wrap"><bdi>${application || "(no name)"}</bdi></td><td class="left wrap"><bdi>${user}</bdi></td>
        <td><meter max=${most} value=${states.total} aria-hidden="true"></meter> ${states.total}</td><td>${states.active}</td>
        <td class=${states.idleInTransaction > 0 ? "is-degraded" : ""}>${states.idleInTransaction}</td><td>${states.idle}</td><td>${time(oldestTransactionMs)}</td>
      </tr>`)}</tbody>
    </table></div>`}
    ${holders.length > SHOWN && html`<small>and ${holders.length - SHOWN} others with fewer</small>`}
  </section>`;
}
