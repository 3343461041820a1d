// Lines on the map: from a label to its marker where it stands apart, and the ways on which regions look at each other's databases.
import { html } from "../../lib/dom.js";
import { time } from "../../lib/format.js";
import { world } from "../../lib/store.js";

/** @typedef {import("./place.js").Place} Place */
/** @typedef {{from: string, to: string, broken: number, all: number, tcp: number | null}} Way */

/** What views from other regions say, together for each pair. @returns {Way[]} */
export function waysOf() {
  /** @type {Map<string, Way>} */
  const ways = new Map();
  for (const { region, reachability } of world.samples.values()) {
    for (const { from, outcome, phases } of reachability.views ?? []) {
      const id = `${from}\n${region}`;
      const way = ways.get(id) ?? { from, to: region, broken: 0, all: 0, tcp: null };
      way.all += 1;
      if (outcome !== "ok") way.broken += 1;
      if (phases.tcp !== null) way.tcp = Math.min(way.tcp ?? Number.POSITIVE_INFINITY, phases.tcp);
      ways.set(id, way);
    }
  }
  return [...ways.values()];
}

/** From the marker to the middle of the label's nearest side. @param {Place} at */
function leader({ x, y, label }) {
  if (!label) return "";
  const toX = Math.min(label.left + label.width, Math.max(label.left, x));
  const toY = Math.min(label.top + label.height, Math.max(label.top, y));
  return `M${x} ${y}L${toX} ${toY}`;
}

/** @param {Place} a @param {Place} b */
function bow(a, b) {
  const lift = Math.hypot(b.x - a.x, b.y - a.y) * 0.18;
  return `M${a.x} ${a.y}Q${(a.x + b.x) / 2} ${(a.y + b.y) / 2 - lift} ${b.x} ${b.y}`;
}

/** @param {{places: Map<string, Place>, width: number, height: number}} props */
export function Ways({ places, width, height }) {
  if (width === 0) return null;
  return html`<svg class="ways" viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
    ${waysOf().map(({ from, to, broken, all, tcp }) => {
      const [a, b] = [places.get(from), places.get(to)];
      if (!a || !b || from === to) return null;
      const said =
        broken > 0
          ? `${from} does not reach ${broken} of ${all} databases of ${to}`
          : `${from} reaches ${to} in ${time(tcp)}`;
      return html`<path key=${`${from} ${to}`} class=${broken > 0 ? "way broken" : "way"} d=${bow(a, b)}><title>${said}</title></path>`;
    })}
    ${[...places].map(([name, at]) => at.far && html`<path key=${name} class="leader" d=${leader(at)} />`)}
  </svg>`;
}
