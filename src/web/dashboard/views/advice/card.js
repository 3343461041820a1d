// One piece of advice: what to change, why, how, what will come of it, and when not to.
import { html } from "../../lib/dom.js";
import { count, percent, time, words } from "../../lib/format.js";
import { targetPath } from "../../lib/route.js";
import { Command } from "../../parts/command.js";
import { Figure } from "../../parts/words.js";
import { interval, said, sureness } from "./figures.js";

/** @typedef {import("../../types.d.ts").Recommendation} Recommendation */
/** @typedef {import("../../types.d.ts").Prediction} Prediction */

/** @type {Record<string, string>} */
const KINDS = {
  enlarge_pool: "larger pool",
  do_not_enlarge_pool: "leave it",
  shrink_pool: "smaller pool",
  idle_in_transaction: "idle in transaction",
  transaction_mode: "transaction mode",
  connections_nearly_used: "connections nearly used",
  fix_first: "fix this first",
};

/** @param {{change: Recommendation["change"], leave: boolean}} props */
function Change({ change, leave }) {
  if (!change) return null;
  const { setting, from, to, command, undo } = change;
  const what =
    leave || to === null
      ? html`<span>${from === null ? "leave it as it is" : html`leave it at <b>${from}</b>`}</span>`
      : html`<span>${from === null ? null : html`<s>${from}</s> <span role="img" aria-label="to">→</span> `}<b>${to}</b></span>`;
  return html`<p class="change"><code class="wrap">${setting}</code> ${what}</p>
    ${command && html`<${Command} text=${command} name="command" />`}
    ${undo && html`<details><summary>How to undo it</summary><${Command} text=${undo} name="command that undoes it" /></details>`}`;
}

/** @param {{predicted: Prediction}} props */
function Predicted({ predicted }) {
  return html`<h4>What will come of it</h4>
    <dl class="figures">
      <${Figure} name="mean wait" value=${time(predicted.meanWaitMs)} note=${interval(predicted)} />
      <${Figure} name="95 of 100 wait at most" value=${time(predicted.p95WaitMs)} />
      <${Figure} name="utilization" value=${percent(predicted.utilization, 0)} />
      <${Figure} name="server connections" value=${count(predicted.serverConnections)} />
    </dl>`;
}

/** @param {Recommendation["evidence"][0]} fact */
const fact = ({ what, value, unit }) => html`<div><dt>${what}</dt><dd>${said(value, unit)}</dd></div>`;

/** @param {{one: Recommendation}} props */
export function AdviceCard({ one }) {
  const leave = one.kind === "do_not_enlarge_pool";
  return html`<article class=${`card advice-card ${leave ? "leave" : ""}`}>
    <h3 class="wrap">${one.title}</h3>
    <p class="where">
      <span class="kind">${KINDS[one.kind] ?? words(one.kind)}</span>
      <a class="wrap" href=${targetPath(one.region, one.target)}>${one.region} / ${one.target}</a>
      <small class="wrap">${one.subject}</small>
    </p>
    <div class="halves">
      <div>
        <${Change} change=${one.change} leave=${leave} />
        ${one.predicted && html`<${Predicted} predicted=${one.predicted} />`}
        <p class="wrap"><b>Confidence: ${sureness(one.confidence)}, ${percent(one.confidence, 0)}.</b> ${one.confidenceReason}</p>
        ${one.caution && html`<p class="caution wrap"><b><span aria-hidden="true">▲</span> Caution:</b> <bdi>${one.caution}</bdi></p>`}
      </div>
      ${
        one.evidence.length > 0 &&
        html`<div><h4>Why</h4>
        <dl class="why">${one.evidence.map(fact)}</dl></div>`
      }
    </div>
  </article>`;
}
