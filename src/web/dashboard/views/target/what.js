// What is wrong, in words, before any figure.
import { html } from "../../lib/dom.js";
import { incidentPath } from "../../lib/route.js";
import { world } from "../../lib/store.js";
import { Acts } from "../../parts/act.js";
import { Hidden, Message, Since } from "../../parts/said.js";
import { Ago, AlertState, Severity } from "../../parts/words.js";
import { byGravity } from "../targets/glance.js";
import { statusOf } from "./sight.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** @typedef {import("../../types.d.ts").Alert} Alert */

/** @param {Sample} sample */
export function alertsOf({ region, target }) {
  const concerns = (/** @type {Alert} */ { region: where, target: of, affects }) =>
    where === region && (of === target || affects.includes(target));
  const bySeverity = (/** @type {Alert} */ a, /** @type {Alert} */ b) =>
    byGravity(a, b) || a.startedAt.localeCompare(b.startedAt);
  return [...world.alerts.values()].filter(concerns).sort(bySeverity);
}

/** @param {{alert: Alert}} props */
function Told({ alert }) {
  return html`<li>
    <${Severity} is=${alert.severity} />
    <a href=${incidentPath(alert.id)}><${Message} alert=${alert} /></a>
    <span><${Since} alert=${alert} /></span>
    ${alert.state !== "firing" && html`<${AlertState} is=${alert.state} />`}
    ${alert.acknowledgedBy && html`<span>by <bdi>${alert.acknowledgedBy}</bdi></span>`}
    <${Acts} alert=${alert} />
  </li>`;
}

/** @param {import("../../types.d.ts").Reason} reason */
const seen = (reason) => html`<li key=${reason.rule}>
  <${Severity} is=${reason.severity} /> <span>${reason.message}</span> <span>for <${Ago} at=${reason.since} /></span>
</li>`;

/** @param {{sample: Sample}} props */
export function What({ sample }) {
  const all = alertsOf(sample);
  const alerts = all.filter((alert) => !alert.suppressedBy);
  const told = new Set(all.map((alert) => alert.rule));
  const reasons = sample.reasons.filter((reason) => !told.has(reason.rule));
  const { verdict } = sample.reachability;
  const isCalm = all.length + reasons.length === 0;
  const status = statusOf(sample);
  const calm = status === "unknown" ? "? Nothing is seen of it now." : "● Nothing is wrong now.";
  return html`<section class="what" aria-label="What is wrong">
    <ul class="wrong">
      ${alerts.map((alert) => html`<${Told} key=${alert.id} alert=${alert} />`)}
      ${reasons.map(seen)}
      ${verdict?.kind === "path" && reasons.length === 0 && html`<li class="is-degraded">▲ ${verdict.message}</li>`}
      ${isCalm && html`<li class=${`is-${status}`}>${calm}</li>`}
    </ul>
    <${Hidden} alerts=${all.filter((alert) => alert.suppressedBy)} />
  </section>`;
}
