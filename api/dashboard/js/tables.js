// Positions and orders.

import { html } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { clock, percent, price, quantity, money, signed, tone, words } from "/assets/js/format.js";
import { openDecision } from "/assets/js/drawer.js";
import { Empty, Loading, Panel } from "/assets/js/parts.js";
import { useStore } from "/assets/js/store.js";

export function Positions() {
  const { positions, status } = useStore();
  const weight = positions?.reduce((sum, position) => sum + Math.abs(Number(position.weight)), 0);
  let body;
  if (!positions) body = html`<${Loading} />`;
  else if (!positions.length) body = html`<${Empty} title="Flat" text="The desk holds nothing but cash. A position appears here with its stop." />`;
  else body = html`<div class="scroll" tabindex="0" role="group" aria-label="Positions"><table>
    <thead><tr><th>Symbol</th><th class="n">Quantity</th><th class="n wide">Entry</th><th class="n">Mark</th>
      <th class="n">P&L</th><th class="n wide">Weight</th><th class="n">Stop</th></tr></thead>
    <tbody>${positions.map((position) => html`<tr key=${position.symbol}>
      <th scope="row">${position.symbol}</th><td class="n">${quantity(position.quantity)}</td>
      <td class="n wide">${price(position.average_price)}</td><td class="n">${price(position.mark)}</td>
      <td class=${`n ${tone(position.unrealized)}`}>${signed(position.unrealized)}</td>
      <td class="n wide"><span class="weight"><span><i style=${{ width: `${Math.min(100, Math.abs(Number(position.weight)) * 200)}%` }}></i></span>${percent(position.weight, 1)}</span></td>
      <td class="n" title=${position.stop_why || ""}>${position.stop ? price(position.stop) : html`<span class="warn">none</span>`}</td></tr>`)}</tbody>
  </table></div>`;
  const note = positions?.length ? `${percent(weight, 1)} of equity at work` : "";
  return html`<${Panel} name="positions" title="Positions" note=${note}
    tools=${status && positions?.length > 0 && html`<span class="note">unrealized <b class=${tone(status.account.unrealized)}>${signed(status.account.unrealized)}</b></span>`}>${body}<//>`;
}

const MOODS = { filled: "good", accepted: "live", partially_filled: "live", submitting: "live", cancelling: "live", refused: "bad", rejected: "bad", unknown: "warn" };

export function Orders() {
  const { orders, status } = useStore();
  let body;
  if (!orders) body = html`<${Loading} />`;
  else if (!orders.length) body = html`<${Empty} title="No orders yet" text="Approved intents appear here as they are sent, rest and fill." />`;
  else body = html`<div class="scroll" tabindex="0" role="group" aria-label="Orders"><table>
    <thead><tr><th>Time</th><th>Order</th><th class="n">Quantity</th><th class="n">Price</th><th>Status</th></tr></thead>
    <tbody>${orders.map((order) => html`<tr key=${order.client_id} class=${order.cycle_id ? "link" : ""} title=${[order.client_id, order.reason, order.note].filter(Boolean).join(" · ")}>
      <td><time><span class="wide">${order.created_at.slice(5, 10)} </span>${clock(order.created_at)}</time></td>
      <td>${order.cycle_id ? html`<button type="button" class="bare" onClick=${() => openDecision(order.cycle_id)}><${What} order=${order} /></button>` : html`<${What} order=${order} />`}</td>
      <td class="n">${quantity(order.quantity)}</td>
      <td class="n">${order.average_price || order.limit_price || order.trigger_price ? price(order.average_price ?? order.limit_price ?? order.trigger_price) : "market"}</td>
      <td><span class=${`state ${MOODS[order.status] ?? ""}`}>${stateOf(order)}</span></td></tr>`)}</tbody>
  </table></div>`;
  const note = status ? `${status.counts.open_orders} open` : "";
  return html`<${Panel} name="orders" title="Orders" note=${note}>${body}<//>`;
}

function What({ order }) {
  const label = order.order_type === "stop" ? "stop" : order.origin === "cycle" ? order.order_type : order.origin;
  return html`<b class=${order.side === "buy" ? "up" : "down"}>${words(order.side)}</b> ${order.symbol.split("/")[0]} <small>${label}</small>`;
}

function stateOf(order) {
  if (order.status === "accepted") return order.order_type === "stop" ? "armed" : "resting";
  if (order.status === "partially_filled") return `${money(100 * Number(order.filled) / Number(order.quantity), 0)} % filled`;
  return order.status.replaceAll("_", " ");
}
