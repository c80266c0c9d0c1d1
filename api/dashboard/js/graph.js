// The live agent graph: who works now, what each station said, on what, how long, at what cost.

import { html, useEffect, useLayoutEffect, useRef, useState } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { clock, cost, count, day, percent, seconds, words } from "/assets/js/format.js";
import { place } from "/assets/js/layout.js";
import { Empty, Loading, Panel, Stance } from "/assets/js/parts.js";
import { useStore } from "/assets/js/store.js";

const NARROW = 760;
const HINTS = {
  observe: "freezes prices, indicators and headlines", market: "reads the tape and forms a view", sentiment: "weighs the headlines",
  strategies: "give their rules' opinions", propose: "blends views into target weights", risk_analyst: "may argue a target smaller, never larger",
  risk_gate: "vetoes what the limits forbid", execution_trader: "picks a tactic from a list", gate: "reviews every intent",
  order_desk: "journals, reviews again, sends", record: "keeps what was seen and said",
};
const STATES = { waiting: "waiting", working: "working", done: "done", warned: "done, with a reservation", refused: "refused", failed: "failed" };

export function AgentGraph() {
  const { graph, stations, cycle, agents, status } = useStore();
  const canvas = useRef(null);
  const [size, setSize] = useState(null);
  const [chosen, setChosen] = useState(null);
  useEffect(() => {
    if (!canvas.current) return undefined;
    const watch = new ResizeObserver(([entry]) => setSize({ w: Math.floor(entry.contentRect.width), h: Math.floor(entry.contentRect.height) }));
    watch.observe(canvas.current);
    return () => watch.disconnect();
  }, [graph === null]);
  const working = Object.entries(stations).filter(([, station]) => station.state === "working").map(([id]) => words(id));
  const note = !cycle ? "between decisions" : working.length ? `${working.join(", ")} working` : cycle.done ? cycle.summary : "thinking";
  const number = cycle && html`<span class="cycle">Decision ${cycle.number} <time>${day(cycle.at)} ${clock(cycle.at)}</time></span>`;
  let body;
  if (!graph) body = html`<${Loading} />`;
  else if (!graph.nodes.length) body = html`<${Empty} title="No stations" text="This session runs without a decision graph." />`;
  else body = html`<div class="canvas" ref=${canvas}>${size && html`<${Stations} ...${{ graph, stations, agents, size, chosen, setChosen }} />`}</div>`;
  return html`<${Panel} name="graph" title="Agents" note=${note} tools=${number} className=${`agents ${status?.halt.state === "halted" ? "resting" : ""}`}>
    ${body}
    ${chosen && graph && html`<${Detail} node=${graph.nodes.find((node) => node.id === chosen)} station=${stations[chosen]}
      agent=${agents.find((agent) => agent.node === chosen)} onClose=${() => setChosen(null)} />`}
  <//>`;
}

function Stations({ graph, stations, agents, size, chosen, setChosen }) {
  const narrow = size.w < NARROW;
  const { boxes, edges, height } = place(graph, size.w, size.h, narrow);
  const state = (id) => stations[id]?.state ?? "waiting";
  return html`<div class=${`stations ${narrow ? "narrow" : "wide"}`} style=${{ height: `${height}px` }}>
    <svg class="edges" width=${size.w} height=${height} aria-hidden="true">
      ${edges.map((edge) => {
        const from = state(edge.source);
        const to = state(edge.target);
        const mood = to === "working" ? "flowing" : from !== "waiting" && from !== "working" && to !== "waiting" ? "passed" : "";
        return html`<path key=${`${edge.source}>${edge.target}`} d=${edge.path} class=${mood} />`;
      })}</svg>
    <ol>${graph.nodes.map((node) => {
      const box = boxes.get(node.id);
      const style = { left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px` };
      const props = { node, station: stations[node.id], agent: agents.find((agent) => agent.node === node.id), tall: box.tall };
      return html`<li key=${node.id} style=${style}><button type="button" data-node=${node.id} data-state=${state(node.id)}
        class=${`station ${node.kind} ${state(node.id)} ${box.tall ? "tall" : ""}`} aria-pressed=${chosen === node.id}
        onClick=${() => setChosen(chosen === node.id ? null : node.id)}><${Face} ...${props} /></button></li>`;
    })}</ol></div>`;
}

function Face({ node, station, agent, tall }) {
  const state = station?.state ?? "waiting";
  return html`<span class="name"><i class="lamp" aria-hidden="true"></i><b>${node.title}</b><span class="sr">, ${STATES[state]}</span>
      ${!tall && html`<span class="who">${who(node, agent, station)}</span>`}</span>
    ${tall && html`<span class="who">${who(node, agent, station)}</span>`}
    <span class="said">${station?.said || (state === "working" ? "working ..." : HINTS[node.id] || "")}</span>
    ${station?.verdict && tall && html`<span class="verdict">${station.verdict}</span>`}
    ${station?.seconds != null && state !== "working" && html`<span class="spent">
      ${on(node, station, tall) && html`<em class="on">${on(node, station, tall)}</em>`}
      <em class=${tall ? "" : "took"}>${seconds(station.seconds)}</em>
      ${station.tokens > 0 && html`<em>${count(station.tokens)} tok</em><em>${cost(station.cost)}</em>`}</span>`}`;
}

/** What a station rests on: the tools it called, or the strategies that spoke. */
function on(node, station, tall) {
  const names = station.tools.length > 0 ? station.tools.map((call) => call.tool) : tall || node.kind === "agent" ? [] : station.sources;
  return [...new Set(names)].join(" · ");
}

function who(node, agent, station) {
  if (node.kind === "gate") return "hard gate";
  if (!agent) return "code";
  const spoke = station?.sources?.includes("baseline") ? "baseline" : station?.sources?.includes("model") ? "model" : null;
  if (spoke === "baseline" || !agent.model) return "baseline";
  return agent.model.split("/").pop();
}

function Detail({ node, station, agent, onClose }) {
  useLayoutEffect(() => {  // with the panel itself: a key pressed at once is not lost
    const close = (event) => event.key === "Escape" && onClose();
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, []);
  if (!node) return null;
  const views = station?.views ?? [];
  return html`<div class="detail" role="region" aria-label=${`${node.title}, in full`}>
    <div class="detail-head"><h3>${node.title}</h3><span class="note">${agent ? `${words(agent.role)} · ${agent.model ?? "baseline"}` : words(node.kind)}</span>
      <span class="spring"></span><button type="button" class="quiet" onClick=${onClose}>Close</button></div>
    <p>${station?.said || "Has not spoken in this decision."}</p>
    <dl>
      ${station?.verdict && html`<div><dt>Verdict</dt><dd>${station.verdict}</dd></div>`}
      ${station?.seconds != null && html`<div><dt>Took</dt><dd>${seconds(station.seconds)}</dd></div>`}
      ${station?.tokens > 0 && html`<div><dt>Tokens</dt><dd>${count(station.tokens)}, ${cost(station.cost)}</dd></div>`}
      ${station?.sources?.length > 0 && html`<div><dt>Sources</dt><dd class="chips">${station.sources.map((source) => html`<code>${source}</code>`)}</dd></div>`}
      ${station?.tools?.length > 0 && html`<div><dt>Tools</dt><dd class="chips">${station.tools.map((call) => html`<code>${call.tool} → ${call.evidence} (${seconds(call.seconds)})</code>`)}</dd></div>`}
      ${agent && html`<div><dt>This session</dt><dd>${count(agent.calls)} calls, ${count(agent.abstentions)} abstentions, ${count(agent.tokens)} tokens, ${cost(agent.cost)}</dd></div>`}
    </dl>
    ${views.length > 0 && html`<ul class="views">${views.map((view) => html`<li>
      ${view.stance === undefined ? html`<b>${view.symbol ?? "all"}</b><span class="warn">abstains</span><span>${view.reason}</span>`
        : html`<b>${view.symbol}</b><${Stance} value=${view.stance} /><span>${view.stance.toFixed(2)} at ${percent(view.confidence, 0)}</span><span>${view.rationale}</span>`}</li>`)}</ul>`}
  </div>`;
}
