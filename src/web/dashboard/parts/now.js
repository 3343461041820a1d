// What to do at once about incidents, before what to change for good.
import { html } from "../lib/dom.js";
import { awayOf, firstAid } from "../lib/first_aid.js";
import { incidentPath } from "../lib/route.js";
import { Command } from "./command.js";

/** @param {{aid: import("../lib/first_aid.js").Aid}} props */
const One = ({ aid }) => html`<div>
  <p class="wrap"><b>${aid.what}</b></p>
  <${Command} text=${aid.command} name="command" />
  <p><small>${aid.caution}</small></p>
</div>`;

/** @param {{alerts: import("../types.d.ts").Alert[], activity: import("../types.d.ts").Activity | null}} props open ones */
export function Now({ alerts, activity }) {
  const firing = alerts.filter((alert) => alert.state === "firing" || alert.state === "acknowledged");
  const away = awayOf(firing);
  const aids = firstAid(firing, activity);
  if (!alerts.some((alert) => alert.state !== "pending")) return null;
  const [first] = firing;
  const unseen = html`<p>Nobody is seen doing it yet. <a href=${incidentPath((first ?? alerts[0])?.id ?? "")}>The runbook</a> says where to look.</p>`;
  const over = html`<p>Nothing: it recovers.</p>`;
  return html`<section class="now card" aria-label="What to do now">
    <h2>What to do now</h2>
    ${away && html`<p>Nobody can be asked while the server is away: start with its machine, and <a href=${incidentPath(away.id)}>the runbook</a>.</p>`}
    ${!first && over}
    ${first && !away && aids.length === 0 && unseen}
    ${aids.map((aid) => html`<${One} key=${aid.command} aid=${aid} />`)}
  </section>`;
}
