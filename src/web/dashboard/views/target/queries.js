// Which statements take the load, and which are other than they were.
import { pathOf, useAnswer } from "../../lib/api.js";
import { html, useState } from "../../lib/dom.js";
import { clock, DASH, number, percent, rate, time } from "../../lib/format.js";
import { Spark } from "../../parts/spark.js";
import { Ago, Empty } from "../../parts/words.js";
import { lacks } from "./lacks.js";
import { unknown } from "./sight.js";

/** @typedef {import("../../types.d.ts").Statement} Statement */
/** @typedef {import("../../types.d.ts").Regression} Regression */
/** @typedef {{stepMs: number, statements: {queryId: string, user: string, points: {at: string, meanMs: number}[]}[]}} Past */

const PAST = 6 * 3_600_000;
const PAST_MS = 60_000;
const FEW = 10;
const KINDS = { new: "new", slower: "slower", storm: "called more" };
/** By what they are sorted. @type {Record<string, [string, (statement: Statement) => number]>} */
const ORDERS = {
  share: ["share of time", (statement) => statement.share],
  calls: ["calls/s", (statement) => statement.calls],
  mean: ["mean", (statement) => statement.meanMs],
};

/** @param {{is: Regression}} props */
function Change({ is }) {
  const slower = is.kind === "slower" && is.beforeMeanMs && is.afterMeanMs;
  const factor = slower ? ` ×${number((is.afterMeanMs ?? 0) / (is.beforeMeanMs ?? 1), 1)}` : "";
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (is.kind)] ?? is.kind;
  return html`<span class="is-degraded" title=${is.sentence}>
    ▲ ${kind}${factor} <small>for <${Ago} at=${is.since} /></small>
  </span>`;
}

/** @param {{all: Regression[]}} props */
function Regressions({ all }) {
  const line = (/** @type {Regression} */ one) => html`<li key=${one.queryId + one.kind}>
    <${Change} is=${one} />
    <span>${one.sentence} It takes ${percent(one.share, 0)} of the time.</span>
    <code>${one.queryId}</code>
  </li>`;
  return all.length > 0 && html`<ul class="wrong">${all.map(line)}</ul>`;
}

/** One mean per step, null where it did not run. @param {{at: string, meanMs: number}[]} points @param {number} stepMs */
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

/** @param {{statement: Statement, seconds: number, past: Past | null, change: Regression | undefined}} props */
function Row({ statement, seconds, past, change }) {
  const { queryId, user, text, share, calls, meanMs, slow, rows, cacheHitRatio } = statement;
  const points = past?.statements.find((one) => one.queryId === queryId && one.user === user)?.points ?? [];
  const values = past ? spread(points, past.stepMs) : [];
  return html`<tr>
    <td class="left">
      <code class="wrap">${text ?? "(text not known)"}</code> <small><bdi>${user}</bdi> · ${queryId}</small>
    </td>
    <td><meter max="1" value=${share} aria-hidden="true"></meter> ${percent(share)}</td>
    <td>${seconds > 0 ? rate(calls / seconds) : DASH}</td>
    <td class=${slow ? "is-degraded" : ""}>${slow ? "▲ " : ""}${time(meanMs)}</td>
    <td><${Spark} values=${values} label="mean time over six hours" /></td>
    <td class="left">${change && html`<${Change} is=${change} />`}</td>
    <td>${calls > 0 ? rate(rows / calls) : DASH}</td>
    <td>${percent(cacheHitRatio, 0)}</td>
  </tr>`;
}

/**
 * @param {{region: string, target: string, queries: import("../../types.d.ts").Queries | null, regressions: Regression[],
 *   sample: import("../../types.d.ts").Sample, away: import("./sight.js").Away | null}} props
 */
export function Queries({ region, target, queries, regressions, sample, away }) {
  const [order, by] = useState("share");
  const [isWhole, show] = useState(false);
  /** @type {{data: Past | null}} */
  const { data: past } = useAnswer(`${pathOf(region, target)}/queries/history?from=-6h`, PAST_MS);
  const seconds = (queries?.intervalMs ?? 0) / 1000;
  const until = away && queries?.takenAt ? `${number(seconds, 0)} s until ${clock(queries.takenAt)}` : null;
  const when = until ?? `the last ${number(seconds, 0)} s`;
  const measure = ORDERS[order]?.[1] ?? (() => 0);
  const sorted = [...(queries?.statements ?? [])].sort((a, b) => measure(b) - measure(a));
  const heads = Object.entries(ORDERS).map(
    ([of, [name]]) => html`<th scope="col" aria-sort=${order === of ? "descending" : undefined}>
      <button type="button" class="plain" onClick=${() => by(of)}>${name}${order === of ? " ↓" : ""}</button>
    </th>`,
  );
  const rows = sorted.slice(0, isWhole ? undefined : FEW).map((statement) => {
    const change = regressions.find((one) => one.queryId === statement.queryId && one.user === statement.user);
    const id = `${statement.queryId} ${statement.user}`;
    return html`<${Row} key=${id} statement=${statement} seconds=${seconds} past=${past} change=${change} />`;
  });
  const table = html`<div class="scroll" role="region" aria-label="Statements" tabindex="0"><table class="queries">
    <thead><tr>
      <th class="left" scope="col">Statement</th>${heads}<th scope="col">6 h</th><th class="left" scope="col">change</th>
      <th scope="col">rows/call</th><th scope="col">cache</th>
    </tr></thead>
    <tbody class=${away ? "live old" : "live"}>${rows}</tbody>
  </table></div>`;
  const more = html`<button type="button" onClick=${() => show(!isWhole)}>${isWhole ? "Fewer" : `All ${sorted.length}`}</button>`;
  return html`<section>
    <h2>Statements ${seconds > 0 && html`<small>over ${when}</small>`}</h2>
    <${Regressions} all=${regressions} />
    ${!queries && html`<${Empty}>${away ? unknown(away) : `Statements are not read: ${lacks(sample, "queryPerformance")}.`}<//>`}
    ${queries && sorted.length === 0 && html`<${Empty}>None ran.<//>`}
    ${sorted.length > 0 && table}
    ${sorted.length > FEW && more}
  </section>`;
}
