// What to do at once about incidents, before what to change for good.
import { pathOf, useAnswer } from "../lib/api.js";
import { checksOf } from "../lib/away.js";
import { html } from "../lib/dom.js";
import { awayOf, FULL, firstAid } from "../lib/first_aid.js";
import { newest } from "../lib/incident.js";
import { incidentPath } from "../lib/route.js";
import { key, world } from "../lib/store.js";
import { Command } from "./command.js";
import { Since } from "./said.js";

/** @typedef {import("../types.d.ts").Alert} Alert */

const ADVICE_MS = 10_000;
const SQL = /^(SELECT|ROLLBACK)/;

/** @param {import("../lib/first_aid.js").More} props */
const Also = ({ does, command }) => html`<p><small>${does}</small></p><${Command} text=${command} name="command" />`;

/** @param {{aid: import("../lib/first_aid.js").Aid}} props */
const One = ({ aid }) => html`<div>
  <p class="wrap"><b>${aid.what}</b></p>
  <${Command} text=${aid.command} name="command" />
  <p class="wrap"><small>${aid.caution}</small></p>
  ${(aid.more ?? []).map((more) => html`<${Also} ...${more} />`)}
</div>`;

/** @param {import("../lib/away.js").Checks} props */
const Checks = ({ what, checks }) => html`<p><b>${what}</b> Check, in this order:</p>
  <ol>${checks.map(({ does, command }) => html`<li>${does}${command && html`<${Command} text=${command} name="command" />`}</li>`)}</ol>`;

/** @param {Alert} alert */
const runbook = ({ id }) => html`<a href=${incidentPath(id)}>the runbook</a>`;

/** What is advised on the size of a full pool. @param {Alert | undefined} full */
function useAdvice(full) {
  const path = full?.target ? `${pathOf(full.region, full.target)}/recommendations` : null;
  /** @type {{data: import("../types.d.ts").Recommendations | null}} */
  const { data } = useAnswer(path, ADVICE_MS);
  return data?.recommendations ?? [];
}

/** @param {{alerts: Alert[], activity: import("../types.d.ts").Activity | null}} props open ones */
export function Now({ alerts, activity }) {
  const firing = alerts
    .filter((alert) => alert.state === "firing" || alert.state === "acknowledged")
    .map((alert) => ({ ...alert, evidence: newest(alert).evidence }));
  const advice = useAdvice(firing.find(({ rule }) => FULL.has(rule)));
  const [told] = alerts.filter((alert) => alert.state !== "pending");
  if (!told) return null;
  const [first] = firing;
  const away = awayOf(firing) ?? firing.find(({ rule }) => rule === "pooler_down");
  const sample = world.samples.get(key(told.region, told.target ?? ""));
  const checks = away && checksOf(away, sample);
  const aids = checks ? [] : firstAid(firing, activity, { sample, advice });
  const leave = aids.length > 0 ? advice.find(({ kind }) => kind === "do_not_enlarge_pool") : undefined;
  return html`<section class=${`now card ${first || aids.length > 0 ? "" : "calm"}`} aria-label="What to do now">
    <h2>What to do now</h2>
    ${!first && html`<p>${aids.length > 0 ? "It is " : "Nothing: it is "}<${Since} alert=${told} />. ${aids.length > 0 ? "But this is still seen:" : "It is called over when it has stayed so for a while."}</p>`}
    ${checks && html`<${Checks} ...${checks} />`}
    ${aids.some(({ command }) => SQL.test(command)) && html`<p><small>SQL goes to the server itself${told.server ? html`, <b>${told.server}</b>` : ""}, not through the pooler, as a superuser or a member of <code>pg_signal_backend</code>.</small></p>`}
    ${aids.map((aid) => html`<${One} key=${aid.command} aid=${aid} />`)}
    ${leave && html`<p class="wrap">A larger pool would not help: <bdi>${leave.title}</bdi></p>`}
    ${first && !checks && aids.length === 0 && html`<p>No session is seen to cause it now; ${runbook(first)} says where to look.</p>`}
  </section>`;
}
