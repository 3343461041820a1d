// Who or what causes it: sessions, applications, statements. Texts of statements come without their values.
import { html } from "../../lib/dom.js";
import { count, DASH, named, percent, time, words } from "../../lib/format.js";
import { Table } from "../../parts/table.js";

/** @typedef {import("../../types.d.ts").Evidence} Of */
/** @typedef {import("../../parts/table.js").Column} Column */

/** @type {Column[]} */
const HOLDERS = [["application"], ["user"], ["connections", true], ["idle in transaction", true]];
/** @type {Column[]} */
const SESSIONS = [
  ["pid", true],
  ["application"],
  ["user"],
  ["state"],
  ["waits for"],
  ["for", true],
  ["blocks", true],
  ["query id"],
];
/** @type {Column[]} */
const STATEMENTS = [["statement"], ["calls", true], ["mean time", true], ["share of all time", true]];

/** @param {{name: string, columns: Column[], rows: any[][]}} props */
function Listed({ name, columns, rows }) {
  if (rows.length === 0) return null;
  const cell = (/** @type {any} */ value, /** @type {number} */ at) =>
    html`<td class=${columns[at]?.[1] ? "" : "left"}>${value}</td>`;
  return html`<h3>${name}</h3>
    <${Table} name=${name} columns=${columns}>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}<//>`;
}

/** @param {{evidence: Of, isPast: boolean}} props */
export function Evidence({ evidence, isPast }) {
  const { cause, detail, attempts, pooler, sessions = [], holders = [], queries = [] } = evidence;
  const said = [
    cause && `what happened: ${words(cause)}`,
    attempts && `attempts that failed: ${attempts}`,
    pooler && `pooler: ${pooler}`,
  ].filter(Boolean);
  if (said.length === 0 && !detail && sessions.length + holders.length + queries.length === 0) return null;
  const held = holders.map((one) => [
    named(one.application),
    one.user,
    count(one.connections),
    count(one.idleInTransaction),
  ]);
  const active = sessions.map((one) => [
    one.pid,
    named(one.application),
    one.user,
    words(one.state),
    one.wait ?? DASH,
    time(one.ageMs),
    count(one.blocks),
    one.queryId ?? DASH,
  ]);
  const asked = queries.map((one) => [
    one.text ? html`<code class="sql wrap">${one.text}</code>` : html`<small>query ${one.queryId}</small>`,
    count(one.calls),
    time(one.meanMs),
    percent(one.share),
  ]);
  return html`<section class="evidence">
    <h2>Cause ${isPast && html`<small>as it was before it recovered</small>`}</h2>
    ${said.length > 0 && html`<p class="wrap">${said.join(" · ")}</p>`}
    ${detail && html`<p class="wrap">${detail}</p>`}
    <${Listed} name="Who holds connections" columns=${HOLDERS} rows=${held} />
    <${Listed} name="Sessions" columns=${SESSIONS} rows=${active} />
    <${Listed} name="Statements" columns=${STATEMENTS} rows=${asked} />
  </section>`;
}
