// Figures as people read them. What is not known is a dash, never a zero.

/** @typedef {number | null | undefined} Known */

export const isKnown = (/** @type {unknown} */ value) => value !== null && value !== undefined;

export const DASH = "–";

/** @param {Known} value @param {number} digits @param {string} [unit] */
export function number(value, digits, unit = "") {
  return value === null || value === undefined || !Number.isFinite(value) ? DASH : value.toFixed(digits) + unit;
}

/** A whole number with thin spaces between thousands. @param {Known} value */
export function count(value) {
  if (value === null || value === undefined) return DASH;
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** A number of things a second, or sessions: more digits where it is small. @param {Known} value @param {string} [unit] */
export function rate(value, unit = "") {
  if (value === null || value === undefined) return DASH;
  return value >= 1000 ? count(value) + unit : number(value, value >= 100 ? 0 : 1, unit);
}

/** A length of time given in milliseconds. @param {Known} ms */
export function time(ms) {
  if (ms === null || ms === undefined) return DASH;
  if (ms < 1000) return number(ms, ms >= 10 || ms === 0 ? 0 : ms < 1 ? 2 : 1, " ms");
  return ms < 100_000 ? number(ms / 1000, ms < 10_000 ? 1 : 0, " s") : age(ms);
}

/** @param {Known} share */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? DASH : number(share * 100, digits, " %");
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** @param {Known} value */
export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  let power = 0;
  let left = value;
  while (Math.abs(left) >= 1024 && power < BYTES.length - 1) {
    left /= 1024;
    power += 1;
  }
  return number(left, power === 0 ? 0 : 1, ` ${BYTES[power]}`);
}

/** How long ago, in whole units. @param {number} ms */
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** The local clock, with the day when it is another. @param {string | number | Date} moment */
export function clock(moment, now = Date.now()) {
  const date = new Date(moment);
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

/** The same moment in UTC, for who points at it. @param {string | number | Date} moment */
export function utc(moment) {
  return `${new Date(moment).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

/** An application as people call it. @param {string | null | undefined} application */
export const named = (application) => application || "(no name)";

/** A word of the API, such as `pool_waiting`, as people say it. @param {string} word */
export const words = (word) => word.replaceAll("_", " ");
