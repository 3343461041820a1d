// Which time the charts show: the last minute to the last 90 days with the live edge, or a piece chosen with the mouse.
import { html } from "../../lib/dom.js";
import { clock } from "../../lib/format.js";
import { ask } from "../../lib/route.js";

const MINUTE = 60_000;
const RANGES = /** @type {const} */ ([
  ["1m", MINUTE, "1 min"],
  ["5m", 5 * MINUTE, "5 min"],
  ["15m", 15 * MINUTE, "15 min"],
  ["1h", 60 * MINUTE, "1 h"],
  ["6h", 360 * MINUTE, "6 h"],
  ["1d", 1440 * MINUTE, "1 day"],
  ["7d", 10_080 * MINUTE, "7 days"],
  ["30d", 43_200 * MINUTE, "30 days"],
  ["90d", 129_600 * MINUTE, "90 days"],
]);
const USUAL = "15m";

/** @param {URLSearchParams} query @returns {import("../../lib/history.js").Range} */
export function rangeOf(query) {
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
  if (from > 0 && to > from) return { from, to };
  const found = RANGES.find(([word]) => word === query.get("range")) ?? RANGES.find(([word]) => word === USUAL);
  return { last: found ? found[1] : 15 * MINUTE };
}

/** @param {number} from @param {number} to */
export const choose = (from, to) => ask({ range: null, from: String(Math.round(from)), to: String(Math.round(to)) });

/** @param {{query: URLSearchParams}} props */
export function RangePicker({ query }) {
  const range = rangeOf(query);
  const fixed = "from" in range;
  const word = fixed ? "" : (query.get("range") ?? USUAL);
  const pick = (/** @type {(typeof RANGES)[number]} */ [of, , name]) => {
    const press = () => ask({ range: of, from: null, to: null });
    return html`<button type="button" key=${of} aria-pressed=${of === word} onClick=${press}>${name}</button>`;
  };
  const back = () => ask({ from: null, to: null });
  return html`<div class="ranges buttons" role="group" aria-label="Time shown">
    ${RANGES.map(pick)}
    ${fixed && html`<span>${clock(range.from)} to ${clock(range.to)}</span>`}
    ${fixed && html`<button type="button" onClick=${back}>Back to live</button>`}
    ${!fixed && html`<small>live; drag across a chart to look closer</small>`}
  </div>`;
}
