// What colours and shapes mean.
import { html } from "../../lib/dom.js";
import { Status } from "../../parts/words.js";
import { LEVELS } from "./glance.js";

export function Legend() {
  return html`<div class="pressure-legend">
    <ul aria-label="Colours: how much of the pool is in use">
      ${LEVELS.map(([level, means]) => html`<li><span class="key on-${level}" aria-hidden="true"></span> ${means}</li>`)}
    </ul>
    <ul aria-label="Shapes: the status">
      ${["healthy", "degraded", "unhealthy", "unknown"].map((status) => html`<li><${Status} is=${status} /></li>`)}
      <li><span class="key on-calm old" aria-hidden="true"></span> dimmed: old figures</li>
    </ul>
  </div>`;
}
