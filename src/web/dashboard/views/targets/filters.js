// Which targets are to be seen, in which order and form. All of it stands in the address.
import { html } from "../../lib/dom.js";
import { ask } from "../../lib/route.js";
import { SORTS } from "./order.js";

/** @typedef {import("./glance.js").Glance} Glance */
/** @typedef {{q: string, region: string, status: string, sort: string, table: boolean}} Wish */

const STATUSES = [
  ["", "any status"],
  ["trouble", "not healthy"],
  ["unhealthy", "■ unhealthy"],
  ["degraded", "▲ degraded"],
  ["unknown", "? unknown"],
  ["healthy", "● healthy"],
];

/** @param {URLSearchParams} query @returns {Wish} */
export function wishOf(query) {
  const sort = query.get("sort") ?? "";
  return {
    q: query.get("q") ?? "",
    region: query.get("region") ?? "",
    status: query.get("status") ?? "",
    sort: SORTS.some(([name]) => name === sort) ? sort : "trouble",
    table: query.get("as") === "table",
  };
}

/** @param {Wish} wish @returns {(glance: Glance) => boolean} */
export function taker({ q, region, status }) {
  const words = q.toLowerCase().split(/\s+/);
  return (glance) => {
    if (region !== "" && glance.region !== region) return false;
    if (status === "trouble" ? glance.status === "healthy" : status !== "" && glance.status !== status) return false;
    return q === "" || words.every((word) => `${glance.region}/${glance.target}`.toLowerCase().includes(word));
  };
}

/** @param {{label: string, name: string, value: string, options: readonly (readonly string[])[]}} props */
function Choice({ label, name, value, options }) {
  const choose = (/** @type {any} */ event) => ask({ [name]: event.currentTarget.value });
  return html`<label>${label} <select name=${name} value=${value} onChange=${choose}>
    ${options.map(([each, said]) => html`<option value=${each} selected=${each === value}>${said}</option>`)}
  </select></label>`;
}

/** @param {{wish: Wish, regions: string[]}} props */
export function Filters({ wish, regions }) {
  const type = (/** @type {any} */ event) => ask({ q: event.currentTarget.value });
  const named = wish.region === "" || regions.includes(wish.region) ? regions : [wish.region, ...regions];
  return html`<form class="target-filters" role="search" aria-label="Targets" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <label>Find <input type="search" name="q" value=${wish.q} onInput=${type} placeholder="part of a name" autocomplete="off" /></label>
    <${Choice} label="Region" name="region" value=${wish.region} options=${[["", "all regions"], ...named.map((name) => [name, name])]} />
    <${Choice} label="Status" name="status" value=${wish.status} options=${STATUSES} />
    <${Choice} label="Sort by" name="sort" value=${wish.sort} options=${SORTS} />
    <span class="buttons" role="group" aria-label="Show as">
      <button type="button" aria-pressed=${String(!wish.table)} onClick=${() => ask({ as: null })}>Grid</button>
      <button type="button" aria-pressed=${String(wish.table)} onClick=${() => ask({ as: "table" })}>Table</button>
    </span>
  </form>`;
}
