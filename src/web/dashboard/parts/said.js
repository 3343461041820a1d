// An incident in a sentence, and its times: what recovers or is over is never told as if it were still so.
import { html } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { isPast, newest, recoveringSince } from "../lib/incident.js";
import { incidentPath } from "../lib/route.js";
import { Ago, Moment } from "./words.js";

/** @typedef {import("../types.d.ts").Alert} Alert */

const FIGURE = /\d/;
/** A region that goes dark hides one for each of its targets. */
const MOST = 30;

/** What is wrong, by the newest sample; "was" before what is so no more. @param {{alert: Alert}} props */
export function Message({ alert }) {
  const { message, isNow } = newest(alert);
  if (isPast(alert)) return html`<small>was:</small> <bdi>${message}</bdi>`;
  const isOld = !isNow && FIGURE.test(message);
  return html`<bdi>${message}</bdi>${isOld ? html` <small>(figures as last told)</small>` : null}`;
}

/** Since when it is as it is, and for how long. @param {{alert: Alert}} props */
export function Since({ alert }) {
  const recovers = recoveringSince(alert);
  const at = recovers ?? alert.startedAt;
  const began = recovers === null ? null : html`; began <${Moment} at=${alert.startedAt} />`;
  return html`${recovers === null ? "" : "recovering "}since <${Moment} at=${at} />, for <${Ago} at=${at} />${began}`;
}

/** @param {number} number @param {string} singular */
const are = (number, singular) => `${count(number)} ${singular}${number === 1 ? " is" : "s are"}`;

/** What is open and not told, by why it is hidden; none, nothing. @param {Alert[]} alerts */
function hiddenWords(alerts) {
  // What causes it is another incident's id; a silence has a slash in it.
  const silenced = alerts.filter(({ suppressedBy }) => suppressedBy?.includes("/")).length;
  const caused = alerts.length - silenced;
  const words = [
    caused > 0 && `${are(caused, "more incident")} caused by another one`,
    silenced > 0 && `${are(silenced, "incident")} silenced or in maintenance`,
  ];
  return words.filter(Boolean).join("; ");
}

/** The incidents that are hidden, to be looked at by who wants to. @param {{alerts: Alert[]}} props */
export function Hidden({ alerts }) {
  if (alerts.length === 0) return null;
  const one = (/** @type {Alert} */ alert) => html`<li key=${alert.id}>
    <a href=${incidentPath(alert.id)}><${Message} alert=${alert} /></a> <small><${Since} alert=${alert} /></small>
  </li>`;
  return html`<details class="hidden-incidents"><summary>${hiddenWords(alerts)}</summary><ul>
    ${alerts.slice(0, MOST).map(one)}
    ${alerts.length > MOST && html`<li><a href="/incidents">and ${count(alerts.length - MOST)} others</a></li>`}
  </ul></details>`;
}
