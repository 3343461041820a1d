// What is wrong, in words, before any figure.
import { html } from "../../lib/dom.js";
import { incidentPath } from "../../lib/route.js";
import { world } from "../../lib/store.js";
import { Acts } from "../../parts/act.js";
import { Ago, Severity } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */

const WORST = ["critical", "high", "medium", "low"];

/** @param {Sample} sample */
function alertsOf({ region, target }) {
  const all = [...world.alerts.values()].filter((alert) => alert.region === region && (alert.target === target || alert.affects.includes(target)));
  return all.sort((a, b) => WORST.indexOf(a.severity) - WORST.indexOf(b.severity) || a.startedAt.localeCompare(b.startedAt));
}

/** @param {{sample: Sample, trends: import("../../types.d.ts").Trends | null}} props */
export function What({ sample, trends }) {
  const alerts = alertsOf(sample);
  const told = new Set(alerts.map((alert) => alert.rule));
  const reasons = sample.reasons.filter((reason) => !told.has(reason.rule));
  const { verdict } = sample.reachability;
  return html`<section class="what" aria-label="What is wrong">
    <ul class="wrong">
      ${alerts.map((alert) => html`<li key=${alert.id}>
        <${Severity} is=${alert.severity} />
        <a href=${incidentPath(alert.id)}>${alert.message}</a>
        <span>for <${Ago} at=${alert.startedAt} />${alert.acknowledgedBy ? ` · taken by ${alert.acknowledgedBy}` : ""}</span>
        <${Acts} alert=${alert} />
      </li>`)}
      ${reasons.map((reason) => html`<li key=${reason.rule}><${Severity} is=${reason.severity} /> <span>${reason.message}</span> <span>for <${Ago} at=${reason.since} /></span></li>`)}
      ${verdict?.kind === "path" && reasons.length === 0 && html`<li class="is-degraded">▲ ${verdict.message}</li>`}
      ${alerts.length + reasons.length === 0 && html`<li class=${`is-${sample.status}`}>${sample.status === "unknown" ? "? Nothing is seen of it now." : "● Nothing is wrong now."}</li>`}
    </ul>
    ${trends && html`<p class="sentence">${trends.sentence}</p>`}
  </section>`;
}
