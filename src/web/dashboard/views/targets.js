// All targets: a grid of tiles by pressure, or tables.
import { html, useRef } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { link, useWorld, world } from "../lib/store.js";
import { Empty } from "../parts/words.js";
import { Filters, taker, wishOf } from "./targets/filters.js";
import { glances } from "./targets/glance.js";
import { Grid } from "./targets/grid.js";
import { groupsOf } from "./targets/groups.js";
import { Legend } from "./targets/legend.js";
import { useOrder } from "./targets/order.js";
import { Table } from "./targets/table.js";

/** With more than this many targets one draw a second is enough. */
export const MANY = 200;

/** @param {{query: URLSearchParams}} props */
export function Targets({ query }) {
  useWorld(world.samples.size > MANY ? 1000 : 250);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const wish = wishOf(query);
  const all = useOrder(glances(), wish.sort, () => box.current?.matches(":hover, :focus-within") ?? false);
  const shown = all.filter(taker(wish));
  const groups = groupsOf(shown, wish.sort);
  const regions = Object.keys(world.regions).sort();
  return html`
    <h1 tabindex="-1">Targets</h1>
    <${Filters} wish=${wish} regions=${regions} />
    <p class="shown"><small role="status">${shown.length === all.length ? `${count(all.length)} targets` : `${count(shown.length)} of ${count(all.length)} targets`}</small></p>
    ${!wish.table && html`<${Legend} />`}
    <div ref=${box}>
      ${wish.table ? html`<${Table} groups=${groups} sort=${wish.sort} />` : html`<${Grid} groups=${groups} />`}
    </div>
    ${shown.length === 0 && html`<${Empty}>${emptyWords(all.length)}<//>`}
  `;
}

/** @param {number} all */
function emptyWords(all) {
  if (!link.known) return "loading the targets …";
  return all === 0
    ? "No target has been seen yet."
    : "No target is like this. Other words, or another region, may find it.";
}
