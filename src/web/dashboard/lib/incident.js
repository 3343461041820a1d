// What an incident says, and since when. Its own words are renewed only when its state changes, so those of the newest sample are shown
// instead while it is in breach; what recovers, or is over, is told as what it was. Reads the store.
import { isOld, key, world } from "./store.js";

/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {import("../types.d.ts").AlertStep} AlertStep */

const PAST = new Set(["recovering", "resolved"]);

/** Whether what it says holds no more. @param {Alert} alert */
export const isPast = ({ state }) => PAST.has(state);

/** Why the target is not healthy by its newest sample, where that is why the incident is open. @param {Alert} alert */
function reasonOf(alert) {
  if (alert.target === null || isPast(alert)) return undefined;
  const sample = world.samples.get(key(alert.region, alert.target));
  if (!sample || isOld(sample)) return undefined;
  return sample.reasons.find((reason) => reason.rule === alert.rule);
}

/** The newest that is known of it; `isNow` when that is of this moment. @param {Alert} alert */
export function newest(alert) {
  const reason = reasonOf(alert);
  const { message, evidence, value, threshold } = reason ?? alert;
  return { message, evidence, value, threshold, isNow: reason !== undefined };
}

/** Since when it recovers: its last change, unless the steps are there to say it better. @param {Alert} alert @param {AlertStep[]} [steps] */
export function recoveringSince({ state, timestamp }, steps = []) {
  if (state !== "recovering") return null;
  return steps.findLast(({ what }) => what === "recovering")?.at ?? timestamp;
}
