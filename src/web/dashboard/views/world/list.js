// The regions as a table: what the map cannot say.
import { html } from "../../lib/dom.js";
import { count, time } from "../../lib/format.js";
import { targetPath } from "../../lib/route.js";
import { Ago, Status, shapeOf } from "../../parts/words.js";
import { figureOf } from "../targets/glance.js";
import { regionPath } from "./headline.js";
import { blindness, causeOf } from "./regions.js";

/** @typedef {import("./regions.js").Region} Region */

/** @param {{of: Region}} props */
function Worst({ of }) {
  const blind = blindness(of);
  if (blind) return html`<span class="is-unknown">${blind}</span>`;
  if (!of.worst) return html`<span class="empty">no targets</span>`;
  const { region, target } = of.worst;
  const cause = causeOf(of);
  return html`${cause && html`<span class="cause">${cause}.</span> `}${of.worst.reasons.length > 0 ? "Worst" : "Busiest"}: <a href=${targetPath(region, target)}>${target}</a> ${figureOf(of.worst)}`;
}

/** Targets by status; a status without any is left out. @param {{of: Region}} props */
function Targets({ of: { name, counts } }) {
  const some = /** @type {const} */ (["unhealthy", "degraded", "unknown", "healthy"]).filter(
    (status) => counts[status] > 0,
  );
  if (some.length === 0) return "–";
  return some.map(
    (status) =>
      html`<a class="count is-${status}" href=${`${regionPath(name)}&status=${status}`} aria-label=${`${counts[status]} ${status} targets of ${name}`}><span aria-hidden="true">${shapeOf(status)}</span> ${count(counts[status])}</a> `,
  );
}

/** Where there is room for one of both: how far the regions are, or, where one process watches all, when they were heard. @param {boolean} isFar */
const columns = (isFar) => (isFar ? { latency: "", heard: "aside" } : { latency: "aside", heard: "" });

/** @param {{of: Region, at: ReturnType<typeof columns>}} props */
function Row({ of, at }) {
  const { name, status, cutOff, incidents, view, heard } = of;
  const nodes = view?.nodes ?? [];
  return html`<tbody>
    <tr>
    <th scope="row" class="left"><a href=${regionPath(name)}>${name}</a>${view?.location ? html` <small>${view.location.place}</small>` : null}</th>
    <td class="left" data-label="Status"><${Status} is=${status} note=${cutOff ? "cut off" : status === "unknown" ? "blind" : undefined} /></td>
    <td class="left" data-label="Targets"><span><${Targets} of=${of} /></span></td>
    <td data-label="Incidents">${incidents.length > 0 ? html`<a href=${`/incidents?region=${encodeURIComponent(name)}`}>${count(incidents.length)}</a>` : "0"}</td>
    <td class=${at.latency} data-label="Latency">${time(view?.latency)}</td>
    <td class="aside" data-label="Nodes" title=${nodes.map(({ node }) => node).join(", ")}>${view ? count(nodes.length) : "–"}</td>
    <td class=${at.heard} data-label="Last heard">${heard ? html`<span><${Ago} at=${heard} /> ago</span>` : "–"}</td>
    </tr>
    <tr class="worst"><td class="left wrap" colspan="7"><${Worst} of=${of} /></td></tr>
  </tbody>`;
}

/** @param {{regions: Region[]}} props */
export function RegionList({ regions }) {
  const isFar = regions.some(({ view }) => (view?.latency ?? null) !== null);
  const at = columns(isFar);
  return html`<div class="scroll live"><table class="regions">
    <thead><tr>
      <th scope="col" class="left">Region</th><th scope="col" class="left">Status</th>
      <th scope="col" class="left">Targets</th><th scope="col">Incidents</th><th scope="col" class=${at.latency} title="from this node to the region">Latency</th><th scope="col" class="aside">Nodes</th>
      <th scope="col" class=${at.heard}>Last heard</th>
    </tr></thead>
    ${regions.map((of) => html`<${Row} key=${of.name} of=${of} at=${at} />`)}
  </table></div>`;
}
