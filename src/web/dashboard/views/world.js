// The world at one glance: where it hurts, and the way to why and what to do.
import { html, useRef } from "../lib/dom.js";
import { useWorld, world } from "../lib/store.js";
import { glances } from "./targets/glance.js";
import { FEW, Grid } from "./targets/grid.js";
import { groupsOf } from "./targets/groups.js";
import { Legend } from "./targets/legend.js";
import { useOrder } from "./targets/order.js";
import { MANY } from "./targets.js";
import { Headline } from "./world/headline.js";
import { OpenIncidents } from "./world/incidents.js";
import { RegionList } from "./world/list.js";
import { WorldMap } from "./world/map.js";
import { openIncidents, regionsOf, useRegionViews } from "./world/regions.js";

/** All targets, in small where there are many. */
function Pressure() {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const all = useOrder(glances(), "trouble", () => box.current?.matches(":hover, :focus-within") ?? false);
  if (all.length === 0) return null;
  return html`<section ref=${box}>
    <h2>Pressure <small><a href="/targets">all targets</a></small></h2>
    <${Legend} isBarred=${all.length <= FEW} />
    <${Grid} level="h3" groups=${groupsOf(all, "trouble")} small=${all.length > FEW} />
  </section>`;
}

export function World() {
  useWorld(world.samples.size > MANY ? 1000 : 250);
  const { views, error } = useRegionViews();
  const incidents = openIncidents();
  const regions = regionsOf(views, incidents);
  return html`
    <h1 tabindex="-1" class="unseen">World</h1>
    <${Headline} regions=${regions} />
    ${error && html`<p class="refused" role="alert"><span aria-hidden="true">■</span> The regions' places and nodes are not known: ${error.message}</p>`}
    <div class="world">
      <div>
        <${WorldMap} regions=${regions} />
        <${OpenIncidents} incidents=${incidents} />
      </div>
      <${RegionList} regions=${regions} />
    </div>
    <${Pressure} />
  `;
}
