// Targets by their region, and what there is to say of each region.
import { world } from "../../lib/store.js";
import { STATUS_RANK } from "./glance.js";

/** @typedef {import("./glance.js").Glance} Glance */
/** @typedef {{region: string, status: import("../../types.d.ts").Status, note: string, all: Glance[]}} Group */

/** The targets in trouble, or those without eyes on them. @param {Glance[]} all */
export const troubled = (all) => all.filter(({ status }) => status !== "healthy").length;

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
  const worst = (/** @type {Group} */ { status }) => (sort === "pressure" ? -STATUS_RANK[status] : 0);
  return [...groups.values()].sort((a, b) => worst(a) - worst(b) || (a.region < b.region ? -1 : 1));
}
