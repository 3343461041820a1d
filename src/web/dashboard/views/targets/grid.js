// The pressure grid: a tile for each target, by region.
import { html, useRef, useState } from "../../lib/dom.js";
import { Status } from "../../parts/words.js";
import { walk } from "./arrows.js";
import { troubles } from "./groups.js";
import { Tile } from "./tile.js";

/** @typedef {import("./groups.js").Group} Group */

/** This many targets fit on a screen. */
export const FEW = 60;

/** @param {{group: Group, level?: "h2" | "h3"}} props */
export function GroupTitle({ group: { region, status, note, all }, level = "h2" }) {
  return html`<${level} class="region-title">
    <a href=${`/targets?region=${encodeURIComponent(region)}`}>${region}</a> <${Status} is=${status} />${" "}
    <small>${all.length} ${all.length === 1 ? "target" : "targets"}${troubles(all)}${note ? ` · ${note}` : ""}</small>
  <//>`;
}

/** @param {{groups: Group[], small?: boolean, level?: "h2" | "h3"}} props `level` is that of the regions' titles */
export function Grid({ groups, small = false, level = "h2" }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [stood, stand] = useState("");
  const all = groups.flatMap((group) => group.all);
  const first = all.some(({ id }) => id === stood) ? stood : all[0]?.id;
  /** @param {FocusEvent} event */
  const focused = ({ target }) => {
    const tiles = [...(box.current?.querySelectorAll(".tile") ?? [])];
    const id = all[tiles.indexOf(/** @type {Element} */ (target))]?.id;
    if (id) stand(id);
  };
  return html`<div class=${`grid live${small ? " small" : ""}${all.length > FEW ? "" : " few"}`} ref=${box} onKeyDown=${walk} onfocusin=${focused}>
    ${groups.map(
      (group) => html`<section key=${group.region} class="group">
        <${GroupTitle} group=${group} level=${level} />
        <div class="tiles" role="group" aria-label=${`Targets of ${group.region}`}>
          ${group.all.map(
            ({ id, region, target, status, fill, used, load, more, old }) => html`<${Tile}
              key=${id} region=${region} target=${target} status=${status} fill=${fill} used=${used} load=${load}
              more=${more} old=${old} small=${small} first=${id === first}
            />`,
          )}
        </div>
      </section>`,
    )}
  </div>`;
}
