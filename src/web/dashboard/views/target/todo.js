// What to do about it.
import { pathOf, useAnswer } from "../../lib/api.js";
import { html } from "../../lib/dom.js";
import { AdviceCard } from "../advice/card.js";

const EVERY_MS = 10_000;
const SHOWN = 2;

/** @param {{region: string, target: string}} props */
export function ToDo({ region, target }) {
  /** @type {{data: import("../../types.d.ts").Recommendations | null}} */
  const { data } = useAnswer(`${pathOf(region, target)}/recommendations`, EVERY_MS);
  const advice = data?.recommendations ?? [];
  if (advice.length === 0) return null;
  const all = `/advice?${new URLSearchParams({ region, target })}`;
  return html`<section>
    <h2>What to change for good</h2>
    <div class="pair">${advice.slice(0, SHOWN).map((one) => html`<${AdviceCard} key=${one.id} one=${one} />`)}</div>
    ${advice.length > SHOWN && html`<p><a href=${all}>All ${advice.length} recommendations</a></p>`}
  </section>`;
}
