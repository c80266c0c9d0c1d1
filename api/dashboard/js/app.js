// The page: header, agent graph, then the book, the decisions and the conversation.

import { html } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { Breakers } from "/assets/js/breakers.js";
import { ChartPanel } from "/assets/js/chart.js";
import { Decisions } from "/assets/js/decisions.js";
import { Drawer } from "/assets/js/drawer.js";
import { AgentGraph } from "/assets/js/graph.js";
import { Banner, Header, Figures } from "/assets/js/header.js";
import { useStore } from "/assets/js/store.js";
import { Talk } from "/assets/js/talk.js";
import { Orders, Positions } from "/assets/js/tables.js";

export function App() {
  const { link } = useStore();
  if (link === "refused") {
    return html`<main class="signed-out"><h1>This browser is not signed in any more</h1>
      <p>The desk was started with another token. Open the address it printed, then this page works again.</p></main>`;
  }
  return html`<div class=${`page link-${link}`}>
    <${Header} />
    <${Banner} />
    <${Breakers} />
    <${Figures} />
    <main class="panels">
      <${AgentGraph} />
      <div class="column book"><${ChartPanel} /><${Positions} /></div>
      <div class="column flow"><${Decisions} /><${Orders} /></div>
      <${Talk} />
    </main>
    <footer class="foot">Charts: TradingView Lightweight Charts™ © 2026
      <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">TradingView, Inc.</a>
      <span>Models form views. Code sizes, gates and orders.</span></footer>
    <${Drawer} />
  </div>`;
}
