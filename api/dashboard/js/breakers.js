// Circuit breakers that are not closed: what they still allow, and why, in a line each.

import { html } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { percent, short, words } from "/assets/js/format.js";
import { useStore } from "/assets/js/store.js";

const SHOWN = 4; // the others are counted; desk breakers tells all of them

export function Breakers() {
  const { status } = useStore();
  const troubled = status?.breakers ?? [];
  if (!troubled.length) return null;
  const rest = troubled.length - SHOWN;
  return html`<section class="breakers" id="breakers" aria-label="Circuit breakers">
    <ul>${troubled.slice(0, SHOWN).map((breaker) => html`<li key=${breaker.name} class=${breaker.state}>
      <b>${words(breaker.name.split(":")[0])}${breaker.scope && html` <span>${breaker.scope === "*" ? "all symbols" : breaker.scope}</span>`}</b>
      <em>${allowed(breaker)}</em>
      <span class="cause" title=${breaker.cause}>${breaker.cause}</span>
      <time dateTime=${breaker.at}>since ${short(breaker.at)}${breaker.until && `, at least until ${short(breaker.until)}`}</time></li>`)}
      ${rest > 0 && html`<li class="rest"><span>and ${rest} more: desk breakers</span></li>`}</ul>
  </section>`;
}

/** What a breaker does, in two or three words. */
function allowed({ level, state, size_fraction }) {
  if (Number(size_fraction) === 0) return level === "strategy" ? "abstains" : "no entries";
  return `${state === "open" ? "size" : "on probation,"} ${percent(size_fraction, 0)}`;
}
