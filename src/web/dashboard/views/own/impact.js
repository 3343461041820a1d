// What Isobar costs the servers, and what it could not know of them.
import { html, useState } from "../../lib/dom.js";
import { count, number, percent } from "../../lib/format.js";
import { targetPath } from "../../lib/route.js";
import { useWorld } from "../../lib/store.js";
import { Table } from "../../parts/table.js";
import { Empty } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */

/** So much of one core is what a server gives at most. */
export const BUDGET = 0.01;
const SHOWN = 50;

/** @param {Sample} sample */
const impactOf = (sample) => sample.probe?.impact ?? -1;

/**
 * The costliest first; by name where they are as good as equal, so that rows stay where they are.
 * @param {Sample} one
 * @param {Sample} other
 */
export const byImpact = (one, other) =>
  Math.round(impactOf(other) * 2000) - Math.round(impactOf(one) * 2000) ||
  `${one.region}/${one.target}`.localeCompare(`${other.region}/${other.target}`);

/** @param {{missing: Sample["probe"]["missing"]}} props */
function Missing({ missing }) {
  if (missing.length === 0) return html`<span class="empty">nothing</span>`;
  const one = (/** @type {Sample["probe"]["missing"][0]} */ { field, cause, fix }) => html`<li class="wrap">
    <code>${field}</code>: ${cause}${fix && html`<br /><b>Fix:</b> <code class="wrap">${fix}</code>`}
  </li>`;
  return html`<details>
    <summary>${missing.length} ${missing.length === 1 ? "figure" : "figures"}</summary>
    <ul class="missing">${missing.map(one)}</ul>
  </details>`;
}

/** @param {{sample: Sample}} props */
function Row({ sample: { region, target, probe } }) {
  const isOver = (probe.impact ?? 0) > BUDGET;
  return html`<tr>
    <th scope="row" class="left"><a class="wrap" href=${targetPath(region, target)}>${region} / ${target}</a></th>
    <td class=${isOver ? "is-unhealthy" : ""}>${isOver ? "■ " : ""}${percent(probe.impact, 2)}</td>
    <td>${number(probe.intervalMs, 0, " ms")}</td>
    <td>${count(probe.connections)}</td>
    <td class="left wrap">${probe.throttled ?? "–"}</td>
    <td class="left"><${Missing} missing=${probe.missing} /></td>
  </tr>`;
}

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [
  ["target"],
  ["of one core", true],
  ["asks each", true],
  ["connections", true],
  ["slowed down"],
  ["could not be known"],
];

export function Impact() {
  const all = [...useWorld(2000).samples.values()].filter((sample) => sample.probe).sort(byImpact);
  const [isWhole, show] = useState(false);
  const shown = isWhole ? all : all.slice(0, SHOWN);
  const rows = shown.map((sample) => html`<${Row} key=${`${sample.region}/${sample.target}`} sample=${sample} />`);
  return html`<section>
    <h2>What it costs the servers</h2>
    <p class="empty">Of one core of each server, at most ${percent(BUDGET, 0)}; Isobar asks less often before it takes more.</p>
    ${
      rows.length === 0
        ? html`<${Empty}>No target has told yet.<//>`
        : html`<${Table} name="What it costs the servers" columns=${COLUMNS} kind="own-table" isLive>${rows}<//>`
    }
    ${all.length > shown.length && html`<p><button type="button" onClick=${() => show(true)}>All ${count(all.length)}</button></p>`}
  </section>`;
}
