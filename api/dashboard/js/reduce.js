// Events into what the page shows. Stations play at a pace an eye can follow; everything else is immediate.

import { money, percent, price, quantity, words } from "/assets/js/format.js";
import { change, say, store } from "/assets/js/store.js";

const STEP = 70; // ms between two steps of the graph when events come in a burst
const BEHIND = 60; // waiting steps beyond which the graph skips ahead
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const waiting = [];
let timer = null;

export const GRAPH_KINDS = new Set([
  "cycle_started", "node_started", "node_finished", "tool_called", "opinion_given", "cycle_recorded",
]);

export function take(event, live) {
  if (GRAPH_KINDS.has(event.kind)) {
    waiting.push(event);
    pump(live);
  }
  tell(event);
}

function pump(live) {
  if (!live || calm.matches || document.hidden) {
    while (waiting.length) step(waiting.shift());
    return;
  }
  while (waiting.length > BEHIND) step(waiting.shift());
  if (timer === null) timer = setTimeout(tick, 0);
}

function tick() {
  timer = null;
  let moved = false;
  while (waiting.length && !moved) {
    const event = waiting.shift();
    moved = event.kind === "node_started" || event.kind === "node_finished" || event.kind === "cycle_started";
    step(event);
  }
  if (waiting.length) timer = setTimeout(tick, STEP);
}

function step({ kind, data }) {
  if (kind === "cycle_started") {
    change({ cycle: { id: data.cycle_id, number: data.cycle, at: data.at, done: false, summary: "" }, stations: {} });
  } else if (kind === "node_started") {
    put(data.node, { ...blank(), ...store.stations[data.node], state: "working", since: performance.now() });
  } else if (kind === "node_finished") {
    const { said, sources, verdict, seconds, tokens, cost } = data;
    put(data.node, { ...blank(), ...store.stations[data.node], state: mood(data), said, sources, verdict, seconds, tokens, cost });
  } else if (kind === "tool_called") {
    const node = nodeOf(data.role);
    const now = store.stations[node] ?? blank();
    put(node, { ...now, tools: [...now.tools, { tool: data.tool, evidence: data.evidence_id, seconds: data.seconds }] });
  } else if (kind === "opinion_given") {
    const node = nodeOf(data.view.source.split(":")[0]);
    const now = store.stations[node] ?? blank();
    put(node, { ...now, views: [...now.views, data.view] });
  } else if (kind === "cycle_recorded" && store.cycle) {
    change({ cycle: { ...store.cycle, done: true, summary: data.summary } });
  }
}

function blank() {
  return { state: "waiting", said: "", sources: [], verdict: "", seconds: null, tokens: 0, cost: "0", tools: [], views: [] };
}

function put(node, station) {
  change({ stations: { ...store.stations, [node]: station } });
}

/** The station where a role or a strategy speaks. */
export function nodeOf(role) {
  const nodes = store.graph?.nodes ?? [];
  const found = nodes.find((node) => node.role === role || node.id === role);
  return found?.id ?? "strategies";
}

function mood({ verdict, said }) {
  if (/fail/i.test(verdict)) return "failed";
  if (/refus|reject|veto/i.test(verdict)) return "refused";
  if (/smaller|abstain|unknown|\b[1-9]\d* vetoed/i.test(`${verdict} ${said}`) && !/, 0 abstentions/.test(said)) return "warned";
  return "done";
}

/** A line in the activity feed for what an operator would want to know. */
function tell({ kind, data }) {
  const at = data.at;
  if (kind === "order_filled") {
    const fill = data.fill;
    say(at, fill.side === "buy" ? "up" : "down", `${words(fill.side)} ${fill.symbol}`, `${quantity(fill.quantity)} at ${price(fill.price)}, fee ${money(fill.fee.amount, 4)} ${fill.fee.currency}`);
  } else if (kind === "intent_refused") {
    const first = data.breaches[0];
    say(at, "warn", `Gate refused ${data.intent.side} ${data.intent.symbol}`, first ? first.message : "no reason given");
  } else if (kind === "order_closed") {
    say(at, "flat", `Order ${data.status} · ${data.symbol}`, data.reason || data.client_id);
  } else if (kind === "order_unknown") {
    say(at, "warn", `Order unknown · ${data.symbol}`, data.reason);
  } else if (kind === "stop_armed") {
    say(at, "flat", `Stop armed · ${data.symbol}`, `${quantity(data.quantity)} below ${price(data.trigger_price)}${data.rule ? ` · ${words(data.rule)}` : ""}`);
  } else if (kind === "halt_changed") {
    say(at, data.halt.state === "active" ? "up" : "warn", `Desk ${data.halt.state}`, `${data.halt.reason} (${data.halt.by})`);
  } else if (kind === "breaker_changed") {
    const mood = data.state === "closed" ? "up" : data.state === "open" ? "down" : "warn";
    say(at, mood, `Breaker ${data.state.replaceAll("_", "-")} · ${words(data.breaker)}${data.scope ? ` ${data.scope}` : ""}`, `${data.cause}; size ${percent(data.size_fraction, 0)}`);
  } else if (kind === "limits_changed") {
    const changes = data.changes.map(({ name, old, new: now }) => `${name} ${old || "unset"} → ${now || "unset"}`);
    say(at, "warn", "Limits changed", `${changes.join(", ")} (${[data.by, data.reason].filter(Boolean).join(": ")})`);
  } else if (kind === "notice") {
    say(at, data.level === "info" ? "flat" : data.level === "error" ? "down" : "warn", words(data.source), data.message);
  } else if (kind === "session_started") {
    say(at, "flat", data.resumed ? "Session resumed" : "Session started", `${data.session}, ${data.mode}, ${money(data.capital)} ${data.currency}`);
  } else if (kind === "session_stopped") {
    say(at, "flat", "Session stopped", `${data.reason}; equity ${money(data.equity)}`);
  } else if (kind === "stops_resumed" && data.positions > 0) {
    say(at, "flat", "Stops resumed", `${data.armed} armed for ${data.positions} positions`);
  } else if (kind === "opinion_given" && data.view.reason !== undefined && data.view.symbol === null && data.view.source.endsWith(":model")) {
    say(at, "warn", `${words(data.view.source.split(":")[0])} abstained`, data.view.reason);
  } else if (kind === "proposal_made") {
    const targets = data.proposal.targets.map((target) => `${target.symbol} ${percent(target.weight, 1)}`);
    if (targets.length) change({ targets });
  }
}
