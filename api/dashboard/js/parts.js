// Small pieces used by several panels.

import { html } from "/assets/vendor/htm-preact-3.1.1.mjs";

export function Panel({ name, title, note, tools, children, className = "" }) {
  return html`<section class=${`panel ${className}`} id=${name} aria-labelledby=${`${name}-title`}>
    <div class="panel-head"><h2 id=${`${name}-title`}>${title}</h2>
      ${note && html`<span class="note">${note}</span>`}<span class="spring"></span>${tools}</div>
    ${children}
  </section>`;
}

export function Empty({ title, text }) {
  return html`<div class="empty"><strong>${title}</strong><span>${text}</span></div>`;
}

export function Loading() {
  return html`<div class="empty loading"><span>Reading ...</span></div>`;
}

/** A diverging bar for a stance from -1 to 1. */
export function Stance({ value }) {
  const share = Math.min(1, Math.abs(value)) * 50;
  const style = value >= 0 ? { left: "50%", width: `${share}%` } : { left: `${50 - share}%`, width: `${share}%` };
  return html`<span class="stance" role="img" aria-label=${`stance ${value.toFixed(2)}`}>
    <i class=${value >= 0 ? "up" : "down"} style=${style}></i></span>`;
}
