// The live stream: a snapshot, then what changes. When it breaks, or falls silent, the page says so at once.
import { changed, key, link, world } from "./store.js";

const SILENCE_MS = 20_000; // the server says something at least each 15 s
const AGAIN_MS = 2000;

const isPlain = (/** @type {unknown} */ value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** @param {Record<string, any>} onto @param {Record<string, any>} update */
function merge(onto, update) {
  for (const [name, value] of Object.entries(update)) {
    if (name === "__proto__") continue;
    if (isPlain(value) && isPlain(onto[name])) merge(onto[name], value);
    else onto[name] = value;
  }
}

/** @param {boolean} live @param {string} text */
function turn(live, text) {
  if (live !== link.live) link.since = Date.now();
  link.live = live;
  link.text = text;
  changed();
}

/** An alert as an answer or an event tells it. @param {import("../types.d.ts").Alert} alert @param {string} [event] */
export function takeAlert(alert, event) {
  if (event === "withdrawn" || alert.state === "resolved") world.alerts.delete(alert.id);
  else world.alerts.set(alert.id, alert);
  for (const listener of alertListeners) listener(alert, event);
  changed();
}

/** @type {Set<(alert: import("../types.d.ts").Alert, event: string | undefined) => void>} */
const alertListeners = new Set();

/** Hears of every change of an alert. @param {(alert: import("../types.d.ts").Alert, event: string | undefined) => void} listener */
export function onAlert(listener) {
  alertListeners.add(listener);
  return () => void alertListeners.delete(listener);
}

/** @type {Record<string, (data: any) => void>} */
const EVENTS = {
  snapshot(all) {
    world.status = all.status;
    world.regions = all.regions;
    world.cutOff = all.cutOff ?? world.cutOff;
    world.samples = new Map(
      all.databases.map((/** @type {any} */ sample) => [key(sample.region, sample.target), sample]),
    );
    world.alerts = new Map(all.alerts.map((/** @type {any} */ alert) => [alert.id, alert]));
    // The newest timestamp just measured tells how far this clock is from the server's.
    const ages = all.databases.map((/** @type {any} */ sample) => Date.now() - Date.parse(sample.timestamp));
    link.skew = ages.length ? Math.min(0, ...ages) : 0;
    link.known = true;
  },
  update(update) {
    const id = key(update.region, update.target);
    const known = world.samples.get(id);
    if (known) merge(known, update);
    else world.samples.set(id, update);
    link.skew = Math.min(link.skew, Date.now() - Date.parse(update.timestamp));
  },
  status(update) {
    world.status = update.status;
    world.cutOff = update.cutOff ?? world.cutOff;
    for (const [region, word] of Object.entries(update.regions)) {
      if (word === null) delete world.regions[region];
      else world.regions[region] = word;
    }
  },
  alert: ({ event, alert }) => takeAlert(alert, event),
  removed: (gone) => void world.samples.delete(key(gone.region, gone.target)),
};

function open() {
  const source = new EventSource("/api/stream");
  for (const [event, take] of Object.entries(EVENTS)) {
    source.addEventListener(event, (message) => {
      link.heard = Date.now();
      take(JSON.parse(message.data));
      if (!link.live) turn(true, "live");
      changed();
    });
  }
  source.onopen = () => {
    link.heard = Date.now();
    turn(true, "live");
  };
  source.onerror = async () => {
    turn(false, "stream broken; reconnecting");
    if (source.readyState !== EventSource.CLOSED) return;
    // Closed for good: refused, perhaps because the session ended.
    const answer = await fetch("/api/regions").catch(() => null);
    if (answer?.status === 401) location.reload();
    else setTimeout(open, AGAIN_MS);
  };
}

/** Begins to listen. */
export function start() {
  open();
  setInterval(() => {
    const silent = link.live && world.samples.size > 0 && Date.now() - link.heard > SILENCE_MS;
    if (silent) turn(false, "nothing heard for a while");
  }, 1000);
}
