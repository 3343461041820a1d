// The worst open incidents, a line each.
import { html } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { isPast, recoveringSince } from "../../lib/incident.js";
import { incidentPath, targetPath } from "../../lib/route.js";
import { link, world } from "../../lib/store.js";
import { Hidden, Message } from "../../parts/said.js";
import { Ago, AlertState, Empty, Severity } from "../../parts/words.js";
import { regionPath } from "./headline.js";

/** @typedef {import("../../types.d.ts").Alert} Alert */

const MOST = 8;

/** @param {{alert: Alert}} props */
function Line({ alert }) {
  const { id, severity, state, region, target, startedAt, acknowledgedBy } = alert;
  return html`<li class=${isPast(alert) ? "past" : ""}>
    <${Severity} is=${severity} />
    <span class="where wrap"><a href=${regionPath(region)}>${region}</a>${target === null ? null : html` / <a href=${targetPath(region, target)}>${target}</a>`}</span>
    <span class="since">${state === "firing" ? null : html`<${AlertState} is=${state} /> `}for <${Ago} at=${recoveringSince(alert) ?? startedAt} /></span>
    <span class="what wrap"><a href=${incidentPath(id)}><${Message} alert=${alert} /></a>${acknowledgedBy ? html` <small>taken by <bdi>${acknowledgedBy}</bdi></small>` : null}</span>
  </li>`;
}

/** @param {{incidents: Alert[]}} props worst first */
export function OpenIncidents({ incidents }) {
  const more = incidents.length > MOST;
  const hidden = [...world.alerts.values()].filter(({ state, suppressedBy }) => suppressedBy && state !== "pending");
  return html`<section>
    <h2>Open incidents</h2>
    ${incidents.length === 0 && html`<${Empty}>${link.known ? "None." : "Not known yet."} <a href="/incidents">Those that are over</a><//>`}
    <ul class="open-incidents live">${incidents.slice(0, MOST).map((alert) => html`<${Line} key=${alert.id} alert=${alert} />`)}</ul>
    <${Hidden} alerts=${hidden} />
    ${incidents.length > 0 && html`<p><a href="/incidents">${more ? `All ${count(incidents.length)} open incidents` : "All incidents"}</a></p>`}
  </section>`;
}
