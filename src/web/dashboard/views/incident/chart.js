// The judged figure over the minutes around the incident. The line is SVG, which stretches; its words are text, which does not.
import { html, useState } from "../../lib/dom.js";
import { clock, utc } from "../../lib/format.js";
import { now } from "../../lib/store.js";
import { keptOf, usePoints } from "./points.js";
import { tick } from "./units.js";

/** @typedef {[number, number | null]} Point */

const WIDE = 1000;
const HIGH = 100;
/** What a figure leaves out, where that may be why the incident is open. @type {Record<string, string>} */
const NOTES = { "average query time": "of statements that ended; what still runs is not in it" };

/** Round numbers that hold all values, and those between. @param {number[]} values @returns {number[]} */
function ticksOf(values) {
  const top = Math.max(...values);
  const least = Math.min(...values);
  const bottom = least > top * 0.6 ? least : Math.min(0, least);
  const raw = (top - bottom || Math.abs(top) || 1) / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const first = Math.floor(bottom / step);
  const last = Math.max(first + 1, Math.ceil(top / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, nth) => Number(((first + nth) * step).toPrecision(12)));
}

/** @param {Point[]} points @param {(at: number) => number} x @param {(value: number) => number} y */
function lineOf(points, x, y) {
  let pen = "M";
  let line = "";
  for (const [at, value] of points) {
    if (value === null) {
      pen = "M";
      continue;
    }
    line += `${pen}${(x(at) * WIDE).toFixed(1)} ${((1 - y(value)) * HIGH).toFixed(2)}`;
    pen = "L";
  }
  return line;
}

/** A line down the chart. @param {{at: number, children?: any}} props */
const Mark = ({ at, children }) =>
  at > 0 && at < 1
    ? html`<span class="began" style=${{ left: `${(at * 100).toFixed(2)}%` }}><small>${children}</small></span>`
    : null;

/** @typedef {import("../../types.d.ts").Alert} Alert */

/** @typedef {{alert: Alert, chart: Alert["chart"], threshold: number | null}} Of */

/** @param {Of} props */
export function Chart(props) {
  const from = keptOf(props.alert, props.chart);
  return from
    ? html`<${Past} ...${props} from=${from} />`
    : html`<${Drawn} ...${props} points=${props.chart.points} to=${0} />`;
}

/** @param {Of & {from: import("./points.js").Kept}} props */
const Past = (props) => html`<${Drawn} ...${props} ...${usePoints(props.alert, props.chart, props.from)} />`;

/** @param {Of & {points: Point[], to: number}} props `to` is where it ends, when that is later than its last point */
function Drawn({ alert, chart: { figure, unit }, threshold, points, to }) {
  const [pointed, point] = useState(/** @type {Point | null} */ (null));
  const values = points.flatMap(([, value]) => (value === null ? [] : [value]));
  const [first, last] = [points[0]?.[0] ?? 0, Math.max(to, points.at(-1)?.[0] ?? 0)];
  if (values.length < 2 || last <= first) return null;
  const ticks = ticksOf(threshold === null ? values : [...values, threshold]);
  const [bottom, top] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  const x = (/** @type {number} */ at) => (at - first) / (last - first);
  const y = (/** @type {number} */ value) => (value - bottom) / (top - bottom);
  const share = (/** @type {number} */ part) => `${(part * 100).toFixed(2)}%`;
  const look = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const at = first + ((event.clientX - box.left) / box.width) * (last - first);
    point(points.reduce((best, one) => (Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best)));
  };
  const newest = values.at(-1) ?? 0;
  const extremes = `between ${tick(Math.min(...values), unit)} and ${tick(Math.max(...values), unit)}`;
  const said = `${figure} from ${clock(first, now())} to ${clock(last, now())}: ${extremes}, last ${tick(newest, unit)}`;
  const level = (/** @type {number} */ value, /** @type {string} */ kind) =>
    html`<line class=${kind} x1="0" x2=${WIDE} y1=${(1 - y(value)) * HIGH} y2=${(1 - y(value)) * HIGH} />`;
  const dashes = html`<span class="dashes" aria-hidden="true"></span>`;
  return html`<figure class="incident-chart">
    <figcaption>${figure}${NOTES[figure] && html` <small>${NOTES[figure]}</small>`}${threshold === null ? null : html` <small>${dashes} threshold ${tick(threshold, unit)}</small>`}
      <output>${pointed ? `${clock(pointed[0], now())}: ${pointed[1] === null ? "not known" : tick(pointed[1], unit)}` : ""}</output>
    </figcaption>
    <div class="axis-y" aria-hidden="true">
      ${ticks.map((value) => html`<span style=${{ bottom: share(y(value)) }}>${tick(value, unit)}</span>`)}
    </div>
    <div class="plot" role="img" aria-label=${said} onPointerMove=${look} onPointerLeave=${() => point(null)}>
      <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" aria-hidden="true">
        ${ticks.map((value) => level(value, "rule"))}
        ${threshold === null ? null : level(threshold, "threshold")}
        <path class="curve" d=${lineOf(points, x, y)} />
      </svg>
      <${Mark} at=${x(Date.parse(alert.startedAt))}>began<//>
      ${alert.resolvedAt && html`<${Mark} at=${x(Date.parse(alert.resolvedAt))}>over<//>`}
      ${pointed ? html`<span class="pointed" style=${{ left: share(x(pointed[0])) }}></span>` : null}
    </div>
    <div class="axis-x">
      ${[first, (first + last) / 2, last].map((at) => html`<time title=${utc(at)}>${clock(at, now())}</time>`)}
    </div>
  </figure>`;
}
