// Every incident: the open ones as the stream tells them, those that are over as the API lists them.
import { useAnswer } from "../lib/api.js";
import { html, useState } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { link, useWorld } from "../lib/store.js";
import { Empty, Waiting } from "../parts/words.js";
import { askedOf, Filters, fits } from "./incidents/filters.js";
import { useAlertNews } from "./incidents/news.js";
import { byUrgency } from "./incidents/order.js";
import { Row } from "./incidents/row.js";

/** @typedef {import("../types.d.ts").Alert} Alert */

const MOST = 200;
/** A region that goes dark opens one for each of its targets. */
const SHOWN = 60;
const AGAIN_MS = 15_000;

/** @param {import("./incidents/filters.js").Asked} asked */
function pathOfResolved({ state, region, severity }) {
  if (state === "open") return null;
  const query = new URLSearchParams({ state: "resolved", limit: String(MOST) });
  if (region) query.set("region", region);
  if (severity) query.set("severity", severity);
  return `/api/alerts?${query}`;
}

/** @param {{name: string, note?: string, alerts: Alert[], isLive?: boolean, children?: any}} props */
function Listed({ name, note, alerts, isLive, children }) {
  const [most, show] = useState(SHOWN);
  const left = alerts.length - most;
  const rows = alerts.slice(0, most).map((alert) => html`<${Row} key=${alert.id} alert=${alert} />`);
  return html`<section aria-label=${name}>
    <h2>${name} <small>${count(alerts.length)}</small>${note && html` <small>${note}</small>`}</h2>
    ${rows.length > 0 ? html`<ul class=${isLive ? "incidents live" : "incidents"}>${rows}</ul>` : children}
    ${left > 0 && html`<p><button type="button" onClick=${() => show(most * 5)}>Show more: ${count(left)} are left</button></p>`}
  </section>`;
}

/** @param {{query: URLSearchParams}} props */
export function Incidents({ query }) {
  const { alerts } = useWorld(1000);
  const asked = askedOf(query);
  const { data, error, again } = useAnswer(pathOfResolved(asked), AGAIN_MS);
  useAlertNews((alert) => alert.state === "resolved", again);
  const open = [...alerts.values()].filter((alert) => fits(alert, asked)).sort(byUrgency);
  const told = open.filter((alert) => !alert.suppressedBy);
  const hidden = open.filter((alert) => alert.suppressedBy);
  const resolved = /** @type {Alert[]} */ (data?.alerts ?? []).filter(
    (alert) => !alerts.has(alert.id) && fits(alert, asked),
  );
  const isFiltered = Boolean(asked.region || asked.severity || asked.text);
  let nothing = "All is well: no incident is open.";
  if (!link.known) nothing = "loading incidents …";
  else if (isFiltered) nothing = "No open incident is like that.";
  else if (hidden.length > 0) nothing = "None that is told: all that is open is hidden.";
  return html`
    <h1 tabindex="-1">Incidents</h1>
    <${Filters} asked=${asked} resolved=${data?.alerts ?? []} />
    ${
      asked.state !== "resolved" &&
      html`
      <div>
        <${Listed} name="Open" alerts=${told} isLive>
          <${Empty}>${nothing}<//>
        <//>
        ${hidden.length > 0 && html`<${Listed} name="Hidden" note="open, but told nobody: another incident causes them, or they are silenced" alerts=${hidden} isLive />`}
      </div>`
    }
    ${
      asked.state !== "open" &&
      html`
      <${Listed} name="Resolved" alerts=${resolved}>
        ${
          data
            ? html`<${Empty}>${isFiltered ? "None lately that is like that." : "None lately."}<//>`
            : html`<${Waiting} error=${error} what="what is over" />`
        }
      <//>
      ${data && data.total > data.alerts.length && html`<p class="empty">The newest ${count(data.alerts.length)} of ${count(data.total)}.</p>`}
      ${data && error && html`<${Waiting} error=${error} />`}`
    }
  `;
}
