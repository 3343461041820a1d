// The page: what is always there, and the view that the address names between.
import { Component, html, render, useEffect, useRef } from "./lib/dom.js";
import { age } from "./lib/format.js";
import { followLinks, useRoute } from "./lib/route.js";
import { link, useWorld, viewer, world } from "./lib/store.js";
import { start } from "./lib/stream.js";
import { StatusBar } from "./parts/status_bar.js";
import { Status } from "./parts/words.js";
import { Advice } from "./views/advice.js";
import { Incident } from "./views/incident.js";
import { Incidents } from "./views/incidents.js";
import { Own } from "./views/own.js";
import { Silences } from "./views/silences.js";
import { Target } from "./views/target.js";
import { Targets } from "./views/targets.js";
import { World } from "./views/world.js";

const TABS = [
  ["/", "World", "world"],
  ["/targets", "Targets", "targets"],
  ["/incidents", "Incidents", "incidents"],
  ["/advice", "Advice", "advice"],
  ["/silences", "Silences", "silences"],
  ["/status", "Isobar itself", "status"],
];

/** @param {import("./lib/route.js").Route} route */
function viewOf({ view, parts: [first, second], query }) {
  if (view === "world") return html`<${World} />`;
  if (view === "targets" && first !== undefined && second !== undefined) {
    return html`<${Target} key=${`${first}/${second}`} region=${first} target=${second} query=${query} />`;
  }
  if (view === "targets") return html`<${Targets} query=${query} />`;
  if (view === "incidents" && first !== undefined) return html`<${Incident} key=${first} id=${first} />`;
  if (view === "incidents") return html`<${Incidents} query=${query} />`;
  if (view === "advice") return html`<${Advice} query=${query} />`;
  if (view === "silences") return html`<${Silences} />`;
  if (view === "status") return html`<${Own} />`;
  return html`<h1 tabindex="-1">Nothing here</h1><p>This address names no view. <a href="/">To the world</a></p>`;
}

async function leave() {
  await fetch("/api/session", { method: "DELETE" });
  location.reload();
}

/** What the badge counts: what recovers is nobody's work any more. */
const counts = new Set(["firing", "acknowledged"]);

function Header() {
  useWorld(500);
  const { view } = useRoute();
  const open = [...world.alerts.values()].filter((alert) => counts.has(alert.state) && !alert.suppressedBy).length;
  const bad = Object.entries(world.regions).filter(([, status]) => status === "unhealthy" || status === "unknown");
  const worst = bad
    .slice(0, 2)
    .map(([region, status]) => html` <span key=${region} class=${`is-${status}`}>· ${region} ${status}</span>`);
  const badge = open > 0 && html` <b class="badge">${open}</b>`;
  const tab = (/** @type {string[]} */ [path, name, of]) =>
    html`<a key=${of} href=${path} aria-current=${view === of ? "page" : undefined}>${name}${of === "incidents" && badge}</a>`;
  return html`<header>
    <a class="name" href="/">Isobar</a>
    <span id="world" role="status"><${Status} is=${link.known ? world.status : "unknown"} />${worst}</span>
    <nav aria-label="Views">
      ${TABS.map(tab)}
    </nav>
    ${viewer.signedIn && html`<button type="button" id="leave" onClick=${leave}>Sign out</button>`}
  </header>`;
}

/** Says at once when the figures are no longer live. */
function Broken() {
  useWorld(500);
  useEffect(() => {
    document.body.classList.toggle("broken-stream", !link.live);
  }, [link.live]);
  const text = link.live || !link.known ? "" : `■ ${link.text}: figures are ${age(Date.now() - link.heard)} old`;
  return html`<p id="link" role="alert" hidden=${text === ""}>${text}</p>`;
}

/** One view that fails takes nothing else with it. */
class View extends Component {
  /** @param {unknown} error */
  componentDidCatch(error) {
    console.error(error);
    this.setState({ failed: true });
  }

  render() {
    const { route } = /** @type {{route: import("./lib/route.js").Route}} */ (this.props);
    if (!(/** @type {{failed?: boolean}} */ (this.state).failed)) return viewOf(route);
    return html`<h1 tabindex="-1">This view failed</h1>
      <p>It met something that it cannot show; the browser's console has the error. <a href=${location.href} target="_self">Load it again</a></p>`;
  }
}

function App() {
  const route = useRoute();
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const first = useRef(true);
  const place = `${route.view}/${route.parts.join("/")}`;
  useEffect(() => {
    const title = main.current?.querySelector("h1");
    document.title = title?.textContent ? `${title.textContent} · Isobar` : "Isobar";
    // Who follows a link by keyboard or hears the page goes on from the new title.
    if (!first.current) {
      title?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [place]);
  return html`
    <a class="skip" href="#main">To the content</a>
    <${Header} />
    <${Broken} />
    <main id="main" ref=${main}><${View} key=${place} route=${route} /></main>
    <${StatusBar} />
  `;
}

followLinks();
start();
const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);
