// Which statements take the load, and which are other than they were.
import { pathOf, useAnswer } from "../../lib/api.js";
import { html, useState } from "../../lib/dom.js";
import { number, percent, rate, time } from "../../lib/format.js";
import { Spark } from "../../parts/spark.js";
import { Ago, Empty } from "../../parts/words.js";
import { lacks } from "./holders.js";

/** @typedef {import("../../types.d.ts").Statement} Statement */
/** @typedef {import("../../types.d.ts").Regression} Regression */

const PAST_MS = 60_000;
const PAST = 6 * 3_600_000;
const FEW = 10;
const WORD = { new: "new", slower: "slower", storm: "called more" };
const ORDERS = /** @type {Record<string, (statement: Statement) => number>} */ ({
  share: (statement) => statement.share,
  calls: (statement) => statement.calls,
  mean: (statement) => statement.meanMs,
});

/** @param {Regression | undefined} change */
function changeOf(change) {
  if (!change) return null;
  const factor = change.kind === "slower" && change.beforeMeanMs ? change.afterMeanMs / change.beforeMeanMs : null;
  return html`<span class="is-degraded" title=${change.sentence}>▲ ${WORD[/** @type {keyof typeof WORD} */ (change.kind)] ?? change.kind}${factor ? ` ×${number(factor, 1)}` : ""} <small>for <${Ago} at=${change.since} /></small></span>`;
}

/** @param {{region: string, target: string, queries: import("../../types.d.ts").Queries | null, regressions: Regression[], sample: import("../../types.d.ts").Sample}} props */
export function Queries({ region, target, queries, regressions, sample }) {
  const [order, by] = useState("share");
  const [all, show] = useState(false);
  /** @type {{data: {stepMs: number, statements: {queryId: string, user: string, points: {at: string, meanMs: number}[]}[]} | null}} */
  const { data: past } = useAnswer(`${pathOf(region, target)}/queries/history?from=-6h`, PAST_MS);
  const seconds = (queries?.intervalMs ?? 0) / 1000;
  const measure = ORDERS[order] ?? ORDERS.share;
  const sorted = [...(queries?.statements ?? [])].sort((a, b) => (measure ? measure(b) - measure(a) : 0));
  const head = (/** @type {string} */ of, /** @type {string} */ name) =>
    html`<th scope="col" aria-sort=${order === of ? "descending" : undefined}><button type="button" class="plain" onClick=${() => by(of)}>${name}${order === of ? " ↓" : ""}</button></th>`;
  const sparkOf = (/** @type {Statement} */ { queryId, user }) => {
    const points = past?.statements.find((one) => one.queryId === queryId && one.user === user)?.points ?? [];
    return past ? html`<${Spark} values=${spread(points, past.stepMs)} label="mean time over six hours" />` : null;
  };
  return html`<section>
    <h2>Statements${seconds > 0 ? html` <small>over the last ${number(seconds, 0)} s</small>` : null}</h2>
    ${regressions.length > 0 && html`<ul class="wrong">${regressions.map((one) => html`<li key=${one.queryId + one.kind}>${changeOf(one)} <span>${one.sentence} It takes ${percent(one.share, 0)} of the time.</span> <code>${one.queryId}</code></li>`)}</ul>`}
    ${!queries && html`<${Empty}>Statements are not read: ${lacks(sample, "queries")}.<//>`}
    ${queries && sorted.length === 0 && html`<${Empty}>None ran.<//>`}
    ${sorted.length > 0 && html`<div class="scroll"><table class="queries">
      <thead><tr><th class="left" scope="col">Statement</th>${head("share", "share of time")}${head("calls", "calls/s")}${head("mean", "mean")}<th scope="col">6 h</th><th class="left" scope="col">change</th><th scope="col">rows/call</th><th scope="col">cache</th></tr></thead>
      <tbody class="live">${sorted.slice(0, all ? undefined : FEW).map((statement) => html`<tr key=${`${statement.queryId} ${statement.user}`}>
        <td class="left"><code class="wrap">${statement.text ?? "(text not known)"}</code> <small><bdi>${statement.user}</bdi> · ${statement.queryId}</small></td>
        <td><meter max="1" value=${statement.share} aria-hidden="true"></meter> ${percent(statement.share)}</td>
        <td>${seconds > 0 ? rate(statement.calls / seconds) : "–"}</td>
        <td class=${statement.slow ? "is-degraded" : ""}>${statement.slow ? "▲ " : ""}${time(statement.meanMs)}</td>
        <td>${sparkOf(statement)}</td>
        <td class="left">${changeOf(regressions.find((one) => one.queryId === statement.queryId && one.user === statement.user))}</td>
        <td>${statement.calls > 0 ? rate(statement.rows / statement.calls) : "–"}</td><td>${percent(statement.cacheHitRatio, 0)}</td>
      </tr>`)}</tbody>
    </table></div>`}
    ${sorted.length > FEW && html`<button type="button" onClick=${() => show(!all)}>${all ? "Fewer" : `All ${sorted.length}`}</button>`}
  </section>`;
}

/** One value per step, null where it did not run. @param {{at: string, meanMs: number}[]} points @param {number} stepMs */
function spread(points, stepMs) {
  const steps = Math.round(PAST / stepMs);
  const begin = Date.now() - PAST;
  const values = new Array(steps).fill(null);
  for (const point of points) {
    const index = Math.floor((Date.parse(point.at) - begin) / stepMs);
    if (index >= 0 && index < steps) values[index] = point.meanMs;
  }
  return values;
}
