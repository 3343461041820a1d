// Small things that both the list and the page of an incident say.
import { html } from "../../lib/dom.js";
import { clock, utc } from "../../lib/format.js";
import { recoveringSince } from "../../lib/incident.js";
import { incidentPath, targetPath } from "../../lib/route.js";
import { now, world } from "../../lib/store.js";
import { Message } from "../../parts/said.js";
import { Moment } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Alert} Alert */

/** How long something lasts, in the two units that matter. @param {number} ms */
export function lasting(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (
    /** @type {number} */ size,
    /** @type {string} */ unit,
    /** @type {number} */ less,
    /** @type {string} */ smaller,
  ) => {
    const rest = Math.floor((seconds % size) / less);
    return `${Math.floor(seconds / size)} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ""}`;
  };
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(60, "min", 1, "s");
  return seconds < 86_400 ? two(3600, "h", 60, "min") : two(86_400, "d", 3600, "h");
}

/** Since when it is as it is; what recovers began earlier. @param {{alert: Alert}} props */
export function Lasts({ alert }) {
  const { startedAt, resolvedAt } = alert;
  const recovers = recoveringSince(alert);
  const from = Date.parse(recovers ?? startedAt);
  if (resolvedAt) return html`<span class="lasts">lasted ${lasting(Date.parse(resolvedAt) - from)}</span>`;
  return html`<span class="lasts">${recovers ? html`recovering since <${Moment} at=${recovers} />, ` : ""}for ${lasting(now() - from)}</span>`;
}

/** @param {{alert: Alert}} props */
export function Where({ alert: { region, target } }) {
  if (region === "isobar") return html`<a href="/status">Isobar itself</a>`;
  if (target === null) return html`<a href=${`/targets?region=${encodeURIComponent(region)}`}>${region}</a>`;
  return html`<a class="wrap" href=${targetPath(region, target)}>${region} / ${target}</a>`;
}

/** Why an incident is told nobody: another one causes it, a silence, or maintenance. @param {{by: string}} props */
export function HiddenBy({ by }) {
  const slash = by.indexOf("/");
  if (slash >= 0) return html`<a class="wrap" href="/silences">${by.slice(0, slash)} ${by.slice(slash + 1)}</a>`;
  const cause = world.alerts.get(by);
  if (!cause) return html`caused by <a href=${incidentPath(by)}>another incident</a>`;
  return html`caused by <a class="wrap" href=${incidentPath(by)}>${cause.target ?? cause.region}: <${Message} alert=${cause} /></a>`;
}

/** Who has it. @param {{alert: Alert}} props */
export function Taken({ alert: { acknowledgedBy, acknowledgementNote, acknowledgedUntil } }) {
  if (!acknowledgedBy) return null;
  return html`<span class="wrap">taken by <b>${acknowledgedBy}</b>${acknowledgementNote ? html`: “<bdi>${acknowledgementNote}</bdi>”` : null}
    ${acknowledgedUntil ? html` <small title=${utc(acknowledgedUntil)}>until ${clock(acknowledgedUntil, now())}</small>` : null}</span>`;
}
