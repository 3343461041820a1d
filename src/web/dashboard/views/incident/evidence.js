// Who or what causes it: sessions, applications, statements. Texts of statements come without their values.
import { html } from "../../lib/dom.js";
import { count, percent, time, words } from "../../lib/format.js";

/** @typedef {import("../../types.d.ts").Evidence} Of */

/** @param {{name: string, columns: [string, boolean?][], rows: any[][]}} props */
function Table({ name, columns, rows }) {
  if (rows.length === 0) return null;
  const side = (/** @type {number} */ at) => (columns[at]?.[1] ? "" : "left");
  return html`<h3>${name}</h3>
    <div class="scroll" role="region" aria-label=${name} tabindex="0"><table>
      <thead><tr>${columns.map(([column], at) => html`<th scope="col" class=${side(at)}>${column}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((cell, at) => html`<td class=${side(at)}>${cell}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}

/** @param {{evidence: Of}} props */
export function Evidence({ evidence: { cause, detail, attempts, pooler, sessions = [], holders = [], queries = [] } }) {
  const said = [
    cause && `what happened: ${words(cause)}`,
    attempts && `attempts that failed: ${attempts}`,
    pooler && `pooler: ${pooler}`,
  ].filter(Boolean);
  if (said.length === 0 && !detail && sessions.length + holders.length + queries.length === 0) return null;
  return html`<section class="evidence">
    <h2>Cause</h2>
    ${said.length > 0 && html`<p class="wrap">${said.join(" · ")}</p>`}
    ${detail && html`<p class="wrap">${detail}</p>`}
    <${Table} name="Who holds connections" columns=${[["application"], ["user"], ["connections", true], ["idle in transaction", true]]}
      rows=${holders.map((one) => [one.application || "(no name)", one.user, count(one.connections), count(one.idleInTransaction)])} />
    <${Table} name="Sessions" columns=${[["pid", true], ["application"], ["user"], ["state"], ["waits for"], ["for", true], ["blocks", true], ["query id"]]}
      rows=${sessions.map((one) => [one.pid, one.application || "(no name)", one.user, words(one.state), one.wait ?? "–", time(one.ageMs), count(one.blocks), one.queryId ?? "–"])} />
    <${Table} name="Statements" columns=${[["statement"], ["calls", true], ["mean time", true], ["share of all time", true]]}
      rows=${queries.map((one) => [one.text ? html`<code class="sql wrap">${one.text}</code>` : html`<small>query ${one.queryId}</small>`, count(one.calls), time(one.meanMs), percent(one.share)])} />
  </section>`;
}
