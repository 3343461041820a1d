// Targets by their region, and what there is to say of each region.
import { world } from "../../lib/store.js";

/** What is not seen says little: it stands after what is known to be bad. */
const WORST_FIRST = { unhealthy: 0, degraded: 1, unknown: 2, healthy: 3 };

/** @typedef {import("./glance.js").Glance} Glance */
/** @typedef {{region: string, status: import("../../types.d.ts").Status, note: string, all: Glance[]}} Group */

/** How many are in trouble, and how many nobody sees, in words. @param {Glance[]} all */
export function troubles(all) {
  const unseen = all.filter(({ status }) => status === "unknown").length;
  const bad = all.filter(({ status }) => status !== "healthy").length - unseen;
  return `${bad > 0 ? `, ${bad} not healthy` : ""}${unseen > 0 ? `, ${unseen} not seen` : ""}`;
}

/** Keeps the order within a region; the regions themselves stand worst first, or by name. @param {Glance[]} all @param {string} sort @returns {Group[]} */
export function groupsOf(all, sort) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const glance of all) {
    const { region } = glance;
    let group = groups.get(region);
    if (!group) {
      const note = world.cutOff.includes(region) ? "cut off: this node cannot reach its bus" : "";
      group = { region, status: world.regions[region] ?? "unknown", note, all: [] };
      groups.set(region, group);
    }
    group.all.push(glance);
  }
  const worst = (/** @type {Group} */ { status }) =>
    sort === "trouble" || sort === "pressure" ? WORST_FIRST[status] : 0;
  return [...groups.values()].sort((a, b) => worst(a) - worst(b) || (a.region < b.region ? -1 : 1));
}
