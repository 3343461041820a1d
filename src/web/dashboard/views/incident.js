// One incident: what it is, who causes it, what happened, who was told, and beside it what to do.
import { pathOf, useAnswer } from "../lib/api.js";
import { html, useEffect } from "../lib/dom.js";
import { words } from "../lib/format.js";
import { isPast, newest, recoveringSince } from "../lib/incident.js";
import { useWorld } from "../lib/store.js";
import { Acts } from "../parts/act.js";
import { Now } from "../parts/now.js";
import { Message } from "../parts/said.js";
import { Ago, AlertState, Moment, Severity, Waiting } from "../parts/words.js";
import { Chart } from "./incident/chart.js";
import { Evidence } from "./incident/evidence.js";
import { Runbook } from "./incident/runbook.js";
import { Steps, Told } from "./incident/timeline.js";
import { judgedBy, onChart, show } from "./incident/units.js";
import { useAlertNews } from "./incidents/news.js";
import { HiddenBy, Lasts, Taken, Where } from "./incidents/parts.js";

/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {import("../types.d.ts").AlertStep} AlertStep */
/** @typedef {import("../types.d.ts").Delivery} Delivery */
/** @typedef {{alert: Alert, steps: AlertStep[], deliveries: Delivery[]}} Explained */

const AGAIN_MS = 5000;
const SESSIONS_MS = 2000;

/** @param {{name: string, children?: any}} props */
const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children}</dd></div>`;

/** @param {{alert: Alert, steps: AlertStep[]}} props */
function Facts({ alert, steps }) {
  const { unit, falls, ...judged } = judgedBy(alert.rule);
  const { value, threshold: level, evidence } = newest(alert);
  const isRunning = alert.rule === "query_slow" && (evidence.sessions ?? []).length > 0;
  const name = isRunning ? "Oldest query that runs" : judged.name;
  const recovers = recoveringSince(alert, steps);
  const others = alert.affects.filter((target) => target !== alert.target);
  // A leak may fire for whom it blocks: then its share of the connections is not why.
  const isWhy = alert.rule !== "connection_leak" || (value ?? 0) > (level ?? 0);
  const isKnown = value !== null && unit !== null && isWhy;
  const limit = `threshold: ${falls ? "below" : "above"} ${show(level, unit)}`;
  const threshold = level === null ? null : html` <small>${limit}</small>`;
  const back = `came back ${alert.flaps} × while it recovered${alert.flapping ? ": flapping" : ""}`;
  const flaps = alert.flaps > 0 ? html` <small>${back}</small>` : null;
  return html`<dl class="facts">
    <${Fact} name="Where"><${Where} alert=${alert} />${alert.server && html` <small class="wrap">${alert.server}</small>`}<//>
    ${recovers && html`<${Fact} name="Recovering since"><${Moment} at=${recovers} /> <small>for <${Ago} at=${recovers} /></small><//>`}
    <${Fact} name=${isPast(alert) ? "Began" : "Since"}><${Moment} at=${alert.startedAt} /> ${!recovers && html`<small><${Lasts} alert=${alert} /></small>`}<//>
    ${alert.resolvedAt && html`<${Fact} name="Until"><${Moment} at=${alert.resolvedAt} /><//>`}
    ${isKnown && html`<${Fact} name=${isPast(alert) ? `${name}, last` : name}><b>${show(value, unit)}</b>${threshold}<//>`}
    <${Fact} name="Rule">${words(alert.rule)}${flaps}<//>
    ${others.length > 0 && html`<${Fact} name="Affects also"><span class="wrap">${others.join(", ")}</span><//>`}
    ${alert.acknowledgedBy && html`<${Fact} name="Who has it"><${Taken} alert=${alert} /><//>`}
    ${alert.suppressedBy && html`<${Fact} name="Not told"><${HiddenBy} by=${alert.suppressedBy} /><//>`}
  </dl>`;
}

/** @param {{id: string}} props */
export function Incident({ id }) {
  const { alerts } = useWorld(1000);
  const { data, error, again } = useAnswer(`/api/alerts/${encodeURIComponent(id)}/explain`, AGAIN_MS);
  useAlertNews((alert) => alert.id === id, again);
  const explained = /** @type {Explained | null} */ (data);
  const alert = alerts.get(id) ?? explained?.alert;
  const title = alert ? newest(alert).message : "Incident";
  useEffect(() => {
    document.title = `${title} · Isobar`;
  }, [title]);
  const isOpen = alert !== undefined && alert.state !== "resolved" && alert.target !== null;
  const sessions = isOpen ? `${pathOf(alert.region, alert.target ?? "")}/activity` : null;
  /** @type {{data: {activity: import("../types.d.ts").Activity | null} | null}} */
  const { data: seen } = useAnswer(sessions, SESSIONS_MS);
  const steps = explained?.steps ?? [];
  const chart = explained?.alert.chart ?? alert?.chart;
  return html`
    <p class="above"><a href="/incidents">Incidents</a></p>
    <h1 tabindex="-1" class="wrap">${alert ? html`<${Message} alert=${alert} />` : title}</h1>
    ${error && html`<${Waiting} error=${error} />`}
    ${!alert && !error && html`<${Waiting} error=${null} what="the incident" />`}
    ${
      alert &&
      html`<div class="incident">
      <div class="happened">
        <p class="summary">
          <${Severity} is=${alert.severity} /><${AlertState} is=${alert.state} />
          <${Acts} alert=${alert} onDone=${again} />
        </p>
        <${Now} alerts=${isOpen ? [alert] : []} activity=${seen?.activity ?? null} />
        <${Facts} alert=${alert} steps=${steps} />
        ${chart && html`<${Chart} alert=${alert} chart=${chart} threshold=${onChart(alert, chart.unit)} />`}
        <${Evidence} evidence=${newest(alert).evidence} isPast=${isPast(alert)} />
        ${explained && html`<${Told} deliveries=${explained.deliveries} /><${Steps} steps=${steps} />`}
      </div>
      <aside aria-label="Runbook"><${Runbook} rule=${alert.rule} link=${alert.runbook} /></aside>
    </div>`
    }
  `;
}
