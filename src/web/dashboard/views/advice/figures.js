// Figures of advice in words.
import { count, number, percent, rate, time } from "../../lib/format.js";

/** How a figure that has no unit was found. */
const FOUND = new Set(["measured", "estimated", "assumed", "fitted"]);

/** @param {number} value @param {string} unit */
export function said(value, unit) {
  if (unit === "ms") return time(value);
  if (unit === "s") return time(value * 1000);
  if (unit === "%") return number(value, 1, " %");
  if (unit === "ratio") return percent(value);
  if (unit === "1/s") return rate(value, "/s");
  if (FOUND.has(unit)) return `${number(value, 2)} (${unit})`;
  return `${Number.isInteger(value) ? count(value) : number(value, 1)} ${unit}`.trim();
}

/** @param {import("../../types.d.ts").Prediction} predicted */
export const interval = ({ low, high }) => `${low === 0 ? "0" : time(low)} to ${time(high)}`;

const SURE = /** @type {const} */ ([
  [0.8, "high"],
  [0.6, "good"],
  [0.4, "moderate"],
  [0, "low"],
]);

/** @param {number} confidence */
export const sureness = (confidence) => SURE.find(([least]) => confidence >= least)?.[1] ?? "low";
