// All charts of a target over one time, with its incidents as bands.
import { useAnswer } from "../../lib/api.js";
import { html } from "../../lib/dom.js";
import { percent } from "../../lib/format.js";
import { usePast } from "../../lib/history.js";
import { now, world } from "../../lib/store.js";
import { Chart } from "../../parts/chart.js";
import { Waiting } from "../../parts/words.js";
import { CALM, paths, QUICK, SIZE, sizeFormat } from "./figure_list.js";
import { choose } from "./range.js";

/** @typedef {import("../../lib/history.js").Past} Past */
/** @typedef {import("../../types.d.ts").Alert} Alert */
/** @typedef {import("../../parts/chart.js").Line} Line */
/** @typedef {import("./figure_list.js").Chosen} Chosen */

const SLOW_MS = 5000;
const RESOLVED_MS = 15_000;
const DAY_MS = 86_400_000;
const QUICK_PATHS = paths(QUICK);
const CALM_PATHS = [...paths(CALM), SIZE];

const isKnown = (/** @type {(number | null)[]} */ values) => values.some((value) => value !== null);

/** What of a total is in none of the lines. @param {Past} past @param {Line[]} lines @param {string} total */
const restOf = (past, lines, total) =>
  past.of(total).map((all, index) => {
    if (all === null) return null;
    return Math.max(0, all - lines.reduce((sum, line) => sum + (line.values[index] ?? 0), 0));
  });

/** @param {Past} past @param {Chosen} chosen @returns {Line[]} */
function linesOf(past, { lines, rest }) {
  const told = lines.map(([name, colour, path, what, dash]) => ({ name, colour, values: past.of(path, what), dash }));
  return rest ? [...told, { name: rest[0], colour: rest[1], values: restOf(past, told, rest[2]) }] : told;
}

/** @param {Alert} alert @returns {import("../../parts/chart.js").Band} */
const band = ({ startedAt, resolvedAt, severity, message }) => ({
  from: Date.parse(startedAt),
  to: resolvedAt ? Date.parse(resolvedAt) : now(),
  severity,
  what: message,
});

/** The incidents within a time, open ones as the stream tells them. @param {string} region @param {string} target */
function useBands(region, target) {
  const query = new URLSearchParams({ region, target, state: "resolved", limit: "200" });
  const { data } = useAnswer(`/api/alerts?${query}`, RESOLVED_MS);
  const concerns = (/** @type {Alert} */ alert) =>
    alert.region === region &&
    alert.state !== "pending" &&
    (alert.target === null || alert.target === target || alert.affects.includes(target));
  return [...[...world.alerts.values()].filter(concerns), ...(data?.alerts ?? [])].map(band);
}

/**
 * @param {{region: string, target: string, range: import("../../lib/history.js").Range, growth: number | null}} props
 */
export function Charts({ region, target, range, growth }) {
  const { past: quick, error } = usePast(region, target, QUICK_PATHS, range);
  const { past: calm } = usePast(region, target, CALM_PATHS, range, SLOW_MS);
  const bands = useBands(region, target);
  if (!quick) return html`<${Waiting} error=${error} what="the past" />`;
  const common = { from: quick.from, to: quick.to, bands, onSelect: choose };
  const draw = (/** @type {Past} */ past, /** @type {Chosen} */ chosen) =>
    html`<${Chart} key=${chosen.title} ...${common} ...${chosen} at=${past.at} lines=${linesOf(past, chosen)} />`;
  const told = calm === null ? [] : CALM.filter(({ lines }) => lines.some(([, , path]) => isKnown(calm.of(path))));
  return html`<div class="charts">
    ${QUICK.map((chosen) => draw(quick, chosen))}
    ${calm && told.map((chosen) => draw(calm, chosen))}
    ${calm && html`<${Size} past=${calm} growth=${growth} common=${common} />`}
  </div>`;
}

/** Over a day or more it goes on where it leads, by the growth of the past. @param {{past: Past, growth: number | null, common: any}} props */
function Size({ past, growth, common }) {
  const size = past.of(SIZE, "last");
  const newest = size.findLastIndex((value) => value !== null);
  const begin = newest < 0 ? null : size[newest];
  const span = past.to - past.from;
  const chart = { title: "Size", format: sizeFormat };
  const database = { name: "database", colour: "--c-blue", values: size };
  if (growth === null || begin === null || begin === undefined || span < DAY_MS) {
    return html`<${Chart} ...${common} ...${chart} at=${past.at} lines=${[database]} />`;
  }
  const to = past.to + span / 4;
  const end = begin * (1 + (growth * (to - past.to)) / DAY_MS);
  // A null is a hole; what is undefined is joined over.
  const line = [...size.map((_, index) => (index < newest ? null : index === newest ? begin : undefined)), end];
  const lines = [
    { ...database, values: [...size, null] },
    { name: "forecast", colour: "--c-grey", values: line, dash: true },
  ];
  const at = [...past.at, to / 1000];
  return html`<${Chart} ...${common} ...${chart} note=${`${percent(growth)} a day`} to=${to} at=${at} lines=${lines} />`;
}
