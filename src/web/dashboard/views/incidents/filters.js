// Which incidents are shown; the choice stands in the address.
import { html } from "../../lib/dom.js";
import { words } from "../../lib/format.js";
import { ask } from "../../lib/route.js";
import { world } from "../../lib/store.js";

/** @typedef {import("../../types.d.ts").Alert} Alert */
/** @typedef {{state: string, region: string, severity: string, text: string}} Asked */

const STATES = ["open", "all", "resolved"];
const SEVERITIES = ["critical", "high", "medium", "low"];

/** @param {URLSearchParams} query @returns {Asked} */
export function askedOf(query) {
  const state = query.get("state") ?? "open";
  return {
    state: STATES.includes(state) ? state : "open",
    region: query.get("region") ?? "",
    severity: query.get("severity") ?? "",
    text: query.get("text") ?? "",
  };
}

/** @param {Alert} alert @param {Asked} asked */
export function fits(alert, { region, severity, text }) {
  if ((region && alert.region !== region) || (severity && alert.severity !== severity)) return false;
  const parts = [
    alert.message,
    alert.rule,
    words(alert.rule),
    alert.region,
    alert.target,
    alert.server,
    alert.acknowledgedBy,
  ];
  const said = [...parts, alert.suppressedBy, alert.id, ...alert.affects].join("\n").toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => said.includes(word));
}

/** @param {{asked: Asked, resolved: Alert[]}} props */
export function Filters({ asked, resolved }) {
  const names = [
    ...Object.keys(world.regions),
    ...[...world.alerts.values(), ...resolved].map((alert) => alert.region),
    asked.region,
  ];
  const regions = [...new Set(names)].filter(Boolean).sort();
  const choose = (/** @type {string} */ name) => (/** @type {Event} */ event) =>
    ask({ [name]: /** @type {HTMLInputElement} */ (event.currentTarget).value });
  const button = (/** @type {string} */ state) => {
    const press = () => ask({ state: state === "open" ? null : state });
    return html`<button type="button" aria-pressed=${String(asked.state === state)} onClick=${press}>${state}</button>`;
  };
  return html`<form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <div class="buttons" role="group" aria-label="Which">
      ${STATES.map(button)}
    </div>
    <label>Region <select value=${asked.region} onChange=${choose("region")}>
      <option value="">all</option>${regions.map((region) => html`<option key=${region} value=${region}>${region}</option>`)}
    </select></label>
    <label>Severity <select value=${asked.severity} onChange=${choose("severity")}>
      <option value="">all</option>${SEVERITIES.map((severity) => html`<option key=${severity} value=${severity}>${severity}</option>`)}
    </select></label>
    <label class="grows">Text
      <input type="search" value=${asked.text} onInput=${choose("text")} placeholder="message, rule, target, person" />
    </label>
  </form>`;
}
