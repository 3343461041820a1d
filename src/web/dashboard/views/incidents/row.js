// One incident in the list.
import { html } from "../../lib/dom.js";
import { words } from "../../lib/format.js";
import { isPast } from "../../lib/incident.js";
import { incidentPath } from "../../lib/route.js";
import { Acts } from "../../parts/act.js";
import { Message } from "../../parts/said.js";
import { AlertState, Moment, Severity } from "../../parts/words.js";
import { HiddenBy, Lasts, Taken, Where } from "./parts.js";

/** @param {{alert: import("../../types.d.ts").Alert}} props */
export function Row({ alert }) {
  const others = alert.affects.filter((target) => target !== alert.target).length;
  const more = alert.target === null ? (others === 1 ? "target" : "targets") : "more";
  const notes = [others > 0 ? `affects ${others} ${more}` : "", alert.flapping ? "flapping" : ""]
    .filter(Boolean)
    .join(" · ");
  return html`<li class=${`incident-row edge-${alert.severity} ${alert.suppressedBy ? "hidden-by" : ""} ${alert.state}`}>
    <div class="how"><${Severity} is=${alert.severity} /><${AlertState} is=${alert.state} /></div>
    <div class="what">
      <a class="message wrap" href=${incidentPath(alert.id)}><${Message} alert=${alert} /></a>
      <span><${Where} alert=${alert} /> · ${words(alert.rule)}${notes ? ` · ${notes}` : null}</span>
    </div>
    <div class="when"><span>${isPast(alert) ? "began" : "since"} <${Moment} at=${alert.startedAt} /></span> <${Lasts} alert=${alert} /></div>
    <div class="who">
      <${Taken} alert=${alert} />
      ${alert.suppressedBy && html`<span>not told: <${HiddenBy} by=${alert.suppressedBy} /></span>`}
    </div>
    <div class="do"><${Acts} alert=${alert} /></div>
  </li>`;
}
