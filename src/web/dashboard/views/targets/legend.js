// What colours, shapes and bars mean.
import { html } from "../../lib/dom.js";
import { shapeOf } from "../../parts/words.js";
import { LEVELS } from "./glance.js";

const TROUBLE = ["unhealthy", "degraded", "unknown"];

/** @param {{isBarred?: boolean}} props whether tiles have bars */
export function Legend({ isBarred = true }) {
  return html`<div class="pressure-legend">
    <ul aria-label="In trouble: the colour is the status">
      ${TROUBLE.map((status) => html`<li><span class="key on-${status}" aria-hidden="true">${shapeOf(status)}</span> ${status}</li>`)}
    </ul>
    <ul aria-label="Healthy: the colour is how much of the pool is in use">
      <li>${shapeOf("healthy")} healthy, its pool:</li>
      ${LEVELS.map(([level, means]) => html`<li><span class="key on-${level}" aria-hidden="true"></span> ${means}</li>`)}
    </ul>
    <ul aria-label="Of all">
      ${isBarred && html`<li><span class="key barred" aria-hidden="true"></span> bar: how much of the pool is in use</li>`}
      <li><span class="key on-calm old" aria-hidden="true"></span> dimmed: old figures</li>
    </ul>
  </div>`;
}
