// One sentence that says where it hurts, what it is and since when, with the way there.
import { pathOf, useAnswer } from "../../lib/api.js";
import { html } from "../../lib/dom.js";
import { runnerOf, SLOW } from "../../lib/first_aid.js";
import { count, named } from "../../lib/format.js";
import { isPast, newest } from "../../lib/incident.js";
import { incidentPath, targetPath } from "../../lib/route.js";
import { key, link, world } from "../../lib/store.js";
import { Message, Since } from "../../parts/said.js";
import { Ago, Moment, shapeOf } from "../../parts/words.js";
import { SEVERITY_RANK } from "../targets/glance.js";
import { blindness } from "./regions.js";

/** @typedef {import("./regions.js").Region} Region */
/** @typedef {import("../../types.d.ts").Alert} Alert */

/** More regions or targets than these are counted, not named. */
const ALSO = 4;

/** @param {string} region */
export const regionPath = (region) => `/targets?region=${encodeURIComponent(region)}`;

/** As many sessions an incident names at most. */
const NAMED = 5;
const RUNNERS_MS = 3000;

/** @param {{is: string, children?: any}} props */
const Line = ({ is, children }) =>
  html`<p class="headline is-${is}"><span class="shape" aria-hidden="true">${shapeOf(is)}</span> <span class="said">${children}</span></p>`;

/** @param {{region: string, target: string | null}} props */
const Where = ({ region, target }) =>
  target === null ? null : html`<a href=${targetPath(region, target)}>${target}</a>: `;

/** Who holds the connections; of transactions left open all of them, since the message counts those that are too old. @param {Alert} incident */
function holding(incident) {
  const [first] = newest(incident).evidence.holders ?? [];
  const past = isPast(incident) ? "was " : "";
  const who = html`<b>${named(first?.application)}</b>`;
  if (incident.rule !== "connection_leak") return [first && html`${past}held by ${who} (${first.connections})`];
  const sample = world.samples.get(key(incident.region, incident.target ?? ""));
  const idle = past ? null : (sample?.connectionPool.idleInTransaction ?? null);
  const bad = newest(incident).evidence.sessions?.length ?? 0;
  const most = bad >= NAMED ? `${NAMED} or more` : bad;
  return [
    idle !== null &&
      idle >= bad &&
      html`in all ${count(idle)} idle in transaction, ${most} of them blocking others or too old`,
    first && html`${past}held by ${who} (${first.idleInTransaction} of its ${first.connections} connections)`,
  ];
}

/** @param {Alert} incident */
function notes(incident) {
  const { target, acknowledgedBy, affects } = incident;
  const others = affects.filter((other) => other !== target);
  return [
    ...holding(incident),
    others.length > 0 && html`also ${others.slice(0, ALSO).join(", ")}${others.length > ALSO ? " and others" : ""}`,
    acknowledgedBy && html`taken by <bdi>${acknowledgedBy}</bdi>`,
  ].filter(Boolean);
}

/** Who runs what is slow: no evidence of calls that ended names an application, so the sessions are asked. @param {{incident: Alert, target: string}} props */
function Runner({ incident, target }) {
  /** @type {{data: {activity: import("../../types.d.ts").Activity | null} | null}} */
  const { data } = useAnswer(`${pathOf(incident.region, target)}/activity`, RUNNERS_MS);
  const runner = data?.activity ? runnerOf(data.activity, newest(incident).evidence) : null;
  return runner && html` <small>· run by <b>${named(runner.application)}</b> (${runner.sessions})</small>`;
}

/** @param {{incident: Alert}} props */
function Incident({ incident }) {
  const { id, region, target, rule } = incident;
  const isOver = isPast(incident);
  const runner = !isOver && target !== null && SLOW.has(rule);
  const toDo = target === null || isOver ? incidentPath(id) : targetPath(region, target);
  const what = html`<a href=${incidentPath(id)}><${Message} alert=${incident} /></a>`;
  const since = html`<small class="since"><${Since} alert=${incident} /></small>`;
  return html`<${Where} region=${region} target=${target} />${isOver ? html`${since} <small>·</small> ${what}` : html`${what} ${since}`}
    ${runner && html`<${Runner} incident=${incident} target=${target} />`}
    ${notes(incident).map((note) => html` <small>· ${note}</small>`)}
    <small> · <a href=${toDo}>${isOver ? "what happened" : "what to do"}</a></small>`;
}

/** What is worst in a region: its gravest incident, or the reason of its worst target. @param {{of: Region}} props */
function Trouble({ of }) {
  const incident = of.incidents[0];
  const reason = of.worst?.reasons[0];
  // What is graver than any incident will be one when it lasts.
  if (incident && !(reason && SEVERITY_RANK[reason.severity] > SEVERITY_RANK[incident.severity])) {
    return html`<${Incident} incident=${incident} />`;
  }
  if (of.worst && reason) {
    const { region, target } = of.worst;
    return html`<${Where} region=${region} target=${target} /><bdi>${reason.message}</bdi>
      <small class="since">since <${Moment} at=${reason.since} />, for <${Ago} at=${reason.since} /></small>`;
  }
  const unseen = of.counts.unknown;
  return unseen > 0 ? `${count(unseen)} of ${count(of.counts.total)} targets cannot be seen` : "why is not known yet";
}

/** @param {{regions: Region[], others: boolean}} props `others` when some region is not seen */
function Calm({ regions, others: unseen }) {
  const targets = regions.reduce((sum, { counts }) => sum + counts.total, 0);
  const [first, ...others] = regions.flatMap(({ incidents }) => incidents);
  const healthy = regions.reduce((sum, { counts }) => sum + counts.healthy, 0);
  const named = regions.length === 1 ? "region" : "regions";
  const where = `${unseen ? "the other " : regions.length === 1 ? "the one " : "all "}${regions.length === 1 ? "" : `${count(regions.length)} `}${named}`;
  const who =
    healthy < targets ? `${count(healthy)} of ${count(targets)}` : targets === 1 ? "The one" : `All ${count(targets)}`;
  const all = `${who} ${targets === 1 ? "target is" : "targets are"} healthy in ${where}`;
  if (!first) return html`<${Line} is="healthy">${all}. No incident is open.<//>`;
  const more = others.length > 0 ? html` <a href="/incidents">and ${count(others.length)} more</a>` : null;
  return html`<${Line} is="healthy">${all}. ${isPast(first) ? "Not over yet" : "Still open"}: <${Incident} incident=${first} />${more}<//>`;
}

/** @param {{regions: Region[]}} props regions, worst first */
export function Headline({ regions }) {
  if (!link.known) return html`<p class="headline empty" role="status">Loading the world …</p>`;
  if (regions.length === 0) return html`<${Line} is="unknown">No region is known yet.<//>`;
  const dark = regions.filter((of) => of.cutOff || of.status === "unknown");
  const seen = regions.filter((of) => !dark.includes(of));
  const bad = seen.filter(({ status }) => status !== "healthy");
  const [worst] = bad;
  return html`<div class="headlines live">
    ${worst && html`<${Line} is=${worst.status}><a href=${regionPath(worst.name)}>${worst.name}</a> ${bad.length > 1 ? "hurts most" : "hurts"}: <${Trouble} of=${worst} /><//>`}
    ${bad.length > 1 && html`<p class="also">Not healthy either: ${bad.slice(1, 1 + ALSO).map(({ name, status }, index) => html`${index > 0 ? ", " : ""}<a href=${regionPath(name)}>${name}</a> (${status})`)}${bad.length > 1 + ALSO && html` and <a href="/targets?status=trouble">${count(bad.length - 1 - ALSO)} more</a>`}.</p>`}
    ${dark.map((of) => html`<${Line} key=${of.name} is="unknown"><a href=${regionPath(of.name)}>${of.name}</a> ${of.cutOff ? "is cut off" : "is blind"}: ${blindness(of)}.${of.heard ? html` <small>Last heard <${Ago} at=${of.heard} /> ago.</small>` : null}<//>`)}
    ${!worst && seen.length > 0 && html`<${Calm} regions=${seen} others=${dark.length > 0} />`}
  </div>`;
}
