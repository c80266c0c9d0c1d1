// One decision in full: observation, evidence, opinions, proposal, intents, verdicts, orders, fills.

import { html, useEffect, useRef } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { cost, count, money, percent, price, quantity, seconds, stamp, words } from "/assets/js/format.js";
import { ask } from "/assets/js/link.js";
import { Stance } from "/assets/js/parts.js";
import { change, useStore } from "/assets/js/store.js";

export async function openDecision(cycleId) {
  change({ opened: { id: cycleId } });
  try {
    change({ opened: { id: cycleId, decision: await ask(`decision/${encodeURIComponent(cycleId)}`) } });
  } catch (error) {
    change({ opened: { id: cycleId, error: error.message } });
  }
}

export function Drawer() {
  const { opened } = useStore();
  const dialog = useRef(null);
  useEffect(() => {
    if (opened && !dialog.current.open) dialog.current.showModal();
  }, [opened?.id]);
  const close = () => dialog.current.close();
  return html`<dialog class="drawer" ref=${dialog} aria-labelledby="drawer-title" onClose=${() => change({ opened: null })}
    onClick=${(event) => event.target === dialog.current && close()}>
    ${opened && html`<div class="drawer-body">
      <div class="drawer-head"><div><h2 id="drawer-title">${opened.decision ? `Decision ${opened.decision.cycle}` : "Decision"}</h2>
        <span class="note">${opened.decision ? `${stamp(opened.decision.at)} UTC · ${opened.id}` : opened.id}</span></div>
        <span class="spring"></span><button type="button" onClick=${close}>Close</button></div>
      ${opened.error && html`<p class="error" role="alert">${opened.error}</p>`}
      ${!opened.error && !opened.decision && html`<p class="note">Reading ...</p>`}
      ${opened.decision && html`<${Story} decision=${opened.decision} />`}
    </div>`}
  </dialog>`;
}

function Story({ decision }) {
  const fills = decision.orders.flatMap((order) => order.fills);
  const changed = new Map(decision.targets.map((target) => [target.symbol, target]));
  return html`<p class="lead">${decision.summary}</p>
  <ol class="story">
    <${Step} title="Observation" note=${decision.observation ? `as of ${stamp(decision.observation.as_of)} · ${decision.observation.content_hash.slice(0, 12)}` : ""} none="Nothing was observed.">
      ${decision.observation && html`<table><tbody>${decision.observation.symbols.map((item) => html`<tr><th scope="row">${item.symbol}</th><td class="n">${price(item.last)}</td>
        <td class="features">${Object.entries(item.features).slice(0, 6).map(([name, value]) => html`<span><i>${name}</i> ${number(value)}</span>`)}</td>
        ${item.stale && html`<td class="warn">stale</td>`}</tr>`)}</tbody></table>
        ${decision.observation.headlines.length > 0 && html`<ul class="quotes">${decision.observation.headlines.map((headline) => html`<li><q>${headline.title}</q> <small>${headline.source}</small></li>`)}</ul>`}`}<//>
    <${Step} title="Evidence" note=${many(decision.evidence, "tool result")} none="No tool was asked.">
      ${decision.evidence.length > 0 && html`<ul class="rows">${decision.evidence.map((item) => html`<li><code>${item.evidence_id}</code><b>${item.tool}${item.symbol ? ` ${item.symbol}` : ""}</b>
        <span>${Object.entries(item.values).slice(0, 6).map(([name, value]) => `${name} ${typeof value === "number" ? number(value) : value}`).join(" · ")}</span></li>`)}</ul>`}<//>
    <${Step} title="Opinions" note=${many(decision.opinions, "view")} none="No source had a view.">
      ${decision.opinions.length > 0 && html`<ul class="opinions">${decision.opinions.map((view) => html`<li>
        <div><b>${view.source.replaceAll("_", " ")}</b><span>${view.symbol ?? "all symbols"}</span>
          ${view.abstained ? html`<span class="warn">abstains</span>` : html`<${Stance} value=${view.stance} /><span>${view.stance.toFixed(2)}, ${percent(view.confidence, 0)} sure, ${seconds(view.horizon_seconds)}</span>`}</div>
        <p>${view.rationale} ${view.evidence_ids.map((id) => html`<code>${id}</code>`)}</p></li>`)}</ul>`}<//>
    <${Step} title="Proposal" note="target weights, before and after the risk analyst" none="Nothing was proposed.">
      ${decision.proposed.length > 0 && html`<ul class="rows">${decision.proposed.map((target) => {
        const after = changed.get(target.symbol);
        const smaller = after && after.weight !== target.weight;
        return html`<li><b>${target.symbol}</b><span>${percent(target.weight, 1)}${smaller ? html` → <strong class="warn">${percent(after.weight, 1)}</strong>` : ""}
          ${target.stop ? ` · stop ${price(target.stop)}` : ""}</span><span>${target.reason}</span></li>`;
      })}</ul>`}<//>
    <${Step} title="Intents" note=${many(decision.intents, "intent")} none="Nothing to trade.">
      ${decision.intents.length > 0 && html`<ul class="rows">${decision.intents.map((intent) => html`<li><code>${intent.client_id}</code>
        <b class=${intent.side === "buy" ? "up" : "down"}>${words(intent.side)} ${quantity(intent.quantity)} ${intent.symbol}</b>
        <span>${intent.order_type}${intent.limit_price ? ` at ${price(intent.limit_price)}` : ""} · ${intent.time_in_force}${intent.protective_stop ? ` · stop ${price(intent.protective_stop)}` : ""}${intent.reduce_only ? " · reduce only" : ""}</span></li>`)}</ul>`}<//>
    <${Step} title="Verdicts" note="stage 1 in the graph, stage 2 at the order desk" none="The gate was not asked.">
      ${decision.verdicts.length > 0 && html`<ul class="rows">${decision.verdicts.map((verdict) => html`<li><code>${verdict.client_id}</code>
        <b class=${verdict.approved ? "up" : "down"}>${verdict.approved ? "Approved" : "Refused"}, stage ${verdict.stage}</b>
        ${verdict.breaches.map((breach) => html`<span><em>${breach.rule}</em> ${breach.message}</span>`)}</li>`)}</ul>`}<//>
    <${Step} title="Orders" note=${many(decision.orders, "order")} none="Nothing was sent.">
      ${decision.orders.length > 0 && html`<ul class="rows">${decision.orders.map((order) => html`<li><code>${order.client_id}</code>
        <b>${words(order.status)}</b><span>${quantity(order.filled)} of ${quantity(order.quantity)}${order.note ? ` · ${order.note}` : ""}</span></li>`)}</ul>`}<//>
    <${Step} title="Fills" note=${many(fills, "fill")} none="Nothing has filled.">
      ${fills.length > 0 && html`<ul class="rows">${fills.map((fill) => html`<li><code>${fill.fill_id}</code>
        <b class=${fill.side === "buy" ? "up" : "down"}>${words(fill.side)} ${quantity(fill.quantity)} at ${price(fill.price)}</b>
        <span>fee ${money(fill.fee, 4)} ${fill.fee_currency} · ${stamp(fill.filled_at)}${fill.maker ? " · maker" : ""}</span></li>`)}</ul>`}<//>
  </ol>
  ${decision.calls.length > 0 && html`<h3>Model calls</h3><div class="scroll"><table><thead><tr><th>Role</th><th>Model</th><th class="n">Tokens</th><th class="n">Cost</th><th class="n">Took</th><th>Result</th></tr></thead>
    <tbody>${decision.calls.map((call) => html`<tr><th scope="row">${words(call.role)}</th><td>${call.model}</td><td class="n">${count(call.tokens)}</td><td class="n">${cost(call.cost)}</td>
      <td class="n">${seconds(call.seconds)}</td><td class=${call.error ? "warn" : ""}>${call.error ?? "answered"}</td></tr>`)}</tbody></table></div>`}
  <p class="note hash">Record ${decision.record_hash}</p>`;
}

function Step({ title, note, none, children }) {
  const there = [children].flat(3).some((child) => child !== null && child !== false && child !== undefined && child !== "");
  return html`<li class=${there ? "" : "nothing"}><h3>${title} <span class="note">${there ? note : none}</span></h3>${children}</li>`;
}

function many(list, word) {
  return `${list.length} ${word}${list.length === 1 ? "" : "s"}`;
}

function number(value) {
  return new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 }).format(value);
}
