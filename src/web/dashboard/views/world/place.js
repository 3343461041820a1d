// Where markers and their labels stand on the map, in pixels, so that no label covers another.

/** The part of the world that is shown, in the units of the land: x is longitude + 180, y is 90 − latitude. */
export const VIEW = { x: 8, y: 6, width: 352, height: 142 };
/** Of labels with a line on their targets, and of those with the name alone. */
const HEIGHTS = { full: 36, short: 20 };
const MARKER = 20;
const GAP = 4;
const STEP = 12;

/**
 * @typedef {{name: string, latitude: number, longitude: number, full: number, short: number}} Spot
 *   `full` and `short` are the label's width with all it says, and with the name alone
 * @typedef {{left: number, top: number, width: number, height: number}} Box
 * @typedef {{x: number, y: number, label: Box | null, short: boolean, far: boolean}} Place
 *   `far` when a line has to say whose label it is
 */

/** @param {Box} a @param {Box} b */
const meet = (a, b) =>
  a.left < b.left + b.width + GAP &&
  b.left < a.left + a.width + GAP &&
  a.top < b.top + b.height + GAP &&
  b.top < a.top + a.height + GAP;

/** @param {number} x @param {number} y @returns {Box} */
const around = (x, y) => ({ left: x - MARKER / 2, top: y - MARKER / 2, width: MARKER, height: MARKER });

/** From a label's edge to a marker's middle. @param {Box} box @param {number} x @param {number} y */
function distance({ left, top, width, height }, x, y) {
  return Math.hypot(Math.max(left - x, 0, x - left - width), Math.max(top - y, 0, y - top - height));
}

/** Two regions in one town stand side by side. @param {Spot[]} spots @param {number} width @param {number} height */
function markers(spots, width, height) {
  /** @type {{x: number, y: number}[]} */
  const placed = [];
  for (const { latitude, longitude } of spots) {
    const inside = (/** @type {number} */ at, /** @type {number} */ size) =>
      Math.min(size - MARKER / 2, Math.max(MARKER / 2, at));
    let x = inside(((longitude + 180 - VIEW.x) / VIEW.width) * width, width);
    const y = inside(((90 - latitude - VIEW.y) / VIEW.height) * height, height);
    while (placed.some((other) => Math.abs(other.x - x) < MARKER && Math.abs(other.y - y) < MARKER)) x += MARKER / 2;
    placed.push({ x, y });
  }
  return placed;
}

/**
 * Places for a label, the nearest to its marker first; beside it rather than above or below.
 * @param {number} x @param {number} y @param {number} width @param {number} height @param {number} reach
 */
function nearby(x, y, width, height, reach) {
  const side = MARKER / 2 + GAP;
  const beside = y - height / 2;
  const boxes = [
    { left: x + side, top: beside },
    { left: x - side - width, top: beside },
    { left: x - width / 2, top: y + side },
    { left: x - width / 2, top: y - side - height },
  ];
  for (let down = -reach; down <= reach; down += STEP) {
    for (let right = -reach; right <= reach; right += STEP) {
      boxes.push({ left: x - width / 2 + right, top: beside + down });
    }
  }
  const placed = boxes.map((box) => ({ ...box, width, height }));
  const far = new Map(placed.map((box) => [box, distance(box, x, y)]));
  return placed.sort((a, b) => (far.get(a) ?? 0) - (far.get(b) ?? 0));
}

/** @param {Spot[]} spots @param {{width: number, height: number}} map @param {"full" | "short"} form */
function attempt(spots, map, form) {
  const points = markers(spots, map.width, map.height);
  const taken = points.map(({ x, y }) => around(x, y));
  const reach = Math.max(120, map.width / 4);
  let left = 0;
  /** @type {Map<string, Place>} */
  const places = new Map();
  spots.forEach((spot, index) => {
    const { x, y } = /** @type {{x: number, y: number}} */ (points[index]);
    /** @param {Box} box */
    const free = (box) =>
      box.left >= 0 &&
      box.top >= 0 &&
      box.left + box.width <= map.width &&
      box.top + box.height <= map.height &&
      !taken.some((other) => meet(box, other));
    const label = nearby(x, y, spot[form], HEIGHTS[form], reach).find(free) ?? null;
    if (label) taken.push(label);
    else left += 1;
    places.set(spot.name, {
      x,
      y,
      label,
      short: form === "short",
      far: label !== null && distance(label, x, y) > MARKER,
    });
  });
  return { places, left };
}

/**
 * Labels keep their places while the world changes. Where there is no room for all of them they become names alone; where
 * there is none for these either, the worst come first, and what is left out is a marker.
 * @param {Spot[]} spots worst first @param {number} width @param {number} height
 * @returns {Map<string, Place>}
 */
export function place(spots, width, height) {
  const map = { width, height };
  const named = [...spots].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const form of /** @type {const} */ (["full", "short"])) {
    const all = attempt(named, map, form);
    if (all.left === 0) return all.places;
  }
  return attempt(spots, map, "short").places;
}
