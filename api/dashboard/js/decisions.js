// The timeline of decisions, newest first. Each opens in full.

import { html } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { cost, count, seconds, short } from "/assets/js/format.js";
import { openDecision } from "/assets/js/drawer.js";
import { Empty, Loading, Panel } from "/assets/js/parts.js";
import { useStore } from "/assets/js/store.js";

export function Decisions() {
  const { decisions, status, orders } = useStore();
  let body;
  if (!decisions) body = html`<${Loading} />`;
  else if (!decisions.length) body = html`<${Empty} title="No decision yet" text="The first one comes at the close of the next bar." />`;
  else body = html`<ol class="scroll timeline">${decisions.map((decision) => html`<li key=${decision.cycle_id} class=${moodOf(decision, orders)}>
    <button type="button" class="bare" data-cycle=${decision.cycle_id} onClick=${() => openDecision(decision.cycle_id)}>
      <span class="when"><time>${short(decision.at)}</time></span>
      <span class="what">${decision.summary || "no summary"}</span>
      <span class="cost">${decision.opinions} views${decision.abstentions > 0 ? `, ${decision.abstentions} abstained` : ""}${" · "}${seconds(decision.seconds)}${decision.tokens > 0 ? ` · ${count(decision.tokens)} tok · ${cost(decision.cost)}` : ""}</span>
    </button></li>`)}</ol>`;
  return html`<${Panel} name="decisions" title="Decisions" note=${status ? `${count(status.counts.cycles)} so far` : ""}>${body}<//>`;
}

function moodOf(decision) {
  if (decision.refusals > 0) return "refused";
  return decision.orders > 0 ? "acted" : "held";
}
