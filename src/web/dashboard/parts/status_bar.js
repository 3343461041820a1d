// The bar below every view: how old the figures are, and how Isobar itself is.
import { html } from "../lib/dom.js";
import { age, clock, DASH, percent } from "../lib/format.js";
import { ageOf, link, useWorld, viewer } from "../lib/store.js";
import { busOf, leadersOf, nodesOf, useReady, useRegions } from "../views/own/asked.js";
import { BUDGET } from "../views/own/impact.js";

/** @typedef {import("../types.d.ts").Sample} Sample */

/** Tenths while it is young, so that it is seen to move. @param {number} ms */
const young = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : age(ms));
const ageSaid = (/** @type {Sample | null} */ sample) => (sample ? young(ageOf(sample.timestamp)) : DASH);
const named = (/** @type {Sample | null} */ sample) => (sample ? `${sample.region} / ${sample.target}` : "");

/** @param {Iterable<Sample>} samples */
function extremes(samples) {
  /** @type {Sample | null} */
  let oldest = null;
  /** @type {Sample | null} */
  let newest = null;
  /** @type {Sample | null} */
  let costliest = null;
  for (const sample of samples) {
    if (!oldest || sample.timestamp < oldest.timestamp) oldest = sample;
    if (!newest || sample.timestamp > newest.timestamp) newest = sample;
    const impact = sample.probe?.impact ?? null;
    if (impact !== null && impact > (costliest?.probe.impact ?? -1)) costliest = sample;
  }
  return { oldest, newest, costliest };
}

/** @param {{name: string, is?: string, title?: string, children?: any}} props */
const Item = ({ name, is = "", title, children }) =>
  html`<a class=${`bar-item ${is}`} href="/status" title=${title}>${name} ${children}</a>`;

function Ages() {
  const { oldest, newest, costliest } = extremes(useWorld(1000).samples.values());
  const impact = costliest?.probe.impact ?? null;
  const isOver = impact !== null && impact > BUDGET;
  const broken = link.known ? `■ broken since ${clock(link.since)}` : "… connecting";
  const most = `what Isobar costs the server that it costs most, of one core; most at ${named(costliest)}`;
  return html`
    <${Item} name="figures" title=${oldest ? `the oldest is of ${named(oldest)}` : undefined}>
      <b class="narrow">${ageSaid(newest)}</b> to <b class="narrow">${ageSaid(oldest)}</b> old
    <//>
    <${Item} name="stream" is=${link.live || !link.known ? "" : "is-unhealthy"}>
      <b>${link.live ? "● live" : broken}</b>
    <//>
    <${Item} name="monitoring costs" is=${isOver ? "is-unhealthy" : ""} title=${most}>
      <b class="narrow">${percent(impact, 2)}</b> of a core at most, of ${percent(BUDGET, 0)}<span class="most">(${named(costliest)})</span>
    <//>`;
}

/** @param {{bus: import("../views/own/asked.js").Bus}} props */
function Bus({ bus: { is, text } }) {
  if (is === "none") return html`<${Item} name="bus" title="one process needs none"><b>none</b><//>`;
  if (is === "trouble") return html`<${Item} name="bus" is="is-unhealthy"><b>■ ${text}</b><//>`;
  return html`<${Item} name="bus"><b>${text}</b><//>`;
}

/** @param {{regions: import("../views/own/asked.js").Region[] | null, error: Error | null}} props */
function Nodes({ regions, error }) {
  if (error) return html`<${Item} name="nodes" is="is-unhealthy" title=${error.message}><b>■ no answer</b><//>`;
  if (regions === null) return html`<${Item} name="nodes"><b>…</b><//>`;
  const nodes = nodesOf(regions);
  const leaders = leadersOf(regions);
  const bus = busOf(regions);
  const led =
    leaders.length === 1 ? ` led by ${leaders[0]}` : leaders.length > 1 ? ` and ${leaders.length} leaders` : "";
  return html`
    <${Item} name="nodes" title=${nodes.join(", ")}><b>${nodes.length || 1}</b>${led}<//>
    <${Bus} bus=${bus} />`;
}

function Ready() {
  const { data, error } = useReady();
  if (error || data === null) return html`<${Item} name="warnings"><b>${error ? DASH : "…"}</b><//>`;
  const lacks = data.notReady.map(({ region, cause }) => `${region}: ${cause}`);
  const { warnings } = data;
  const is = warnings.length > 0 ? "is-degraded" : "";
  return html`
    ${lacks.length > 0 && html`<${Item} name="not ready" is="is-unhealthy" title=${lacks.join("\n")}><b>■ ${lacks.length}</b><//>`}
    <${Item} name="warnings" is=${is} title=${warnings.join("\n") || undefined}><b>${is && "▲ "}${warnings.length}</b><//>`;
}

export function StatusBar() {
  const { regions, error } = useRegions();
  return html`<footer aria-label="How Isobar itself is">
    <${Ages} />
    <${Nodes} regions=${regions} error=${error} />
    <${Ready} />
    <span class="bar-item last">Isobar <b>${viewer.version}</b></span>
  </footer>`;
}
