// Starts the page: reads the state, follows the stream, and reads again what an event says has changed.

import { html, render } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { App } from "/assets/js/app.js";
import { chart } from "/assets/js/chart.js";
import { ask, follow } from "/assets/js/link.js";
import { take } from "/assets/js/reduce.js";
import { change, store } from "/assets/js/store.js";

const READS = {
  status: "status",
  positions: "positions",
  orders: "orders?limit=60",
  decisions: "decisions?limit=40",
  agents: "agents",
  limits: "limits",
};
const CHANGES = {
  equity_marked: ["status", "positions"],
  order_filled: ["status", "positions", "orders"],
  order_submitted: ["orders"],
  order_accepted: ["orders", "status"],
  order_closed: ["orders", "status"],
  order_unknown: ["orders"],
  intent_refused: ["status"],
  stop_armed: ["positions", "orders"],
  limits_declared: ["limits"],
  limits_changed: ["limits"],
  breaker_changed: ["status"],
  halt_changed: ["status", "positions", "orders"],
  cycle_recorded: ["decisions", "agents", "status"],
  session_started: ["status"],
  session_stopped: ["status"],
};
const EVERY = 700; // ms: the most often that the same thing is read again

const wanted = new Set();
let reading = false;
let lastRead = 0;

function want(names) {
  for (const name of names) wanted.add(name);
  if (!reading) {
    reading = true;
    setTimeout(readWanted, Math.max(0, lastRead + EVERY - performance.now()));
  }
}

async function readWanted() {
  const names = [...wanted];
  wanted.clear();
  lastRead = performance.now();
  await Promise.all(names.map(read));
  reading = false;
  if (wanted.size) want([]);
}

async function read(name) {
  try {
    change({ [name]: await ask(READS[name]), trouble: null });
  } catch (error) {
    change({ trouble: error.message });
  }
}

let loaded = false;
const held = [];

async function fresh(renewed) {
  if (renewed) {
    loaded = false;
    change({ feed: [], stations: {}, cycle: null });
    try {
      change({ graph: await ask("graph") });
    } catch (error) {
      change({ trouble: error.message });
    }
    loaded = true;
    for (const event of held.splice(0)) take(event, false);
  }
  chart.reload();
  want(Object.keys(READS));
}

function events(batch) {
  const touched = new Set();
  for (const event of batch) {
    // Until the graph is known nothing can be placed on it: what is replayed waits.
    if (loaded) take(event, batch.length < 60);
    else held.push(event);
    for (const name of CHANGES[event.kind] ?? []) touched.add(name);
    if (event.kind === "equity_marked" || event.kind === "order_filled") chart.hear(event);
  }
  want(touched);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && store.link === "live") want(Object.keys(READS));
});

const root = document.getElementById("desk");
root.replaceChildren();
render(html`<${App} />`, root);
follow({ onFresh: fresh, onEvents: events });
