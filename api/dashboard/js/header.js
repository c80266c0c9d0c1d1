// Who and where we are, whether the desk trades, and the four things an operator may do at once.

import { html, useEffect, useRef, useState } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { count, cost, money, percent, price, signed, stamp, tone, words } from "/assets/js/format.js";
import { ask } from "/assets/js/link.js";
import { change, useStore } from "/assets/js/store.js";

const LINKS = {
  connecting: ["Connecting", "warn"], live: ["Live", "good"], stale: ["Stale", "bad"], lost: ["Reconnecting", "bad"],
};
const MARKETS = { synthetic: "Simulated market", replay: "Replayed candles", live: "Venue prices" };

export function Header() {
  const { status, link } = useStore();
  const [asking, setAsking] = useState(null);
  const [words_, mood] = LINKS[link] ?? LINKS.connecting;
  const halt = status?.halt;
  return html`<header class="top">
    <div class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 22l7-8 6 5 10-13" /><path class="base" d="M4 28h24" /></svg>
      <h1>Trading Desk</h1></div>
    ${status && html`<div class="badges">
      <span class=${`badge mode mode-${status.mode}`}>${status.mode.toUpperCase()}</span>
      <span class="badge market">${(MARKETS[status.market] ?? status.market).toUpperCase()}</span>
      <span class="session"><b>${status.session}</b> ${status.timeframe}${status.speed && html` · ${status.speed === "max" ? "max speed" : `${status.speed}×`}`}</span>
    </div>`}
    <span class="spring"></span>
    ${status && html`<time class="clock" dateTime=${status.now}><span>${status.simulated ? "Simulated time" : "Time"}</span> ${stamp(status.now)} UTC</time>`}
    <span class=${`pill link ${mood}`} role="status" id="link-state"><i></i>${words_}</span>
    ${halt && html`<span class=${`pill halt ${halt.state}`} id="halt-state" title=${halt.reason}><i></i>${words(halt.state)}</span>`}
    <div class="controls" role="group" aria-label="Desk controls">
      ${halt && halt.state !== "active" && html`<button type="button" class="go" onClick=${() => setAsking("resume")}>Resume</button>`}
      <button type="button" disabled=${!halt || halt.state !== "active"} onClick=${() => setAsking("pause")}>Pause</button>
      <button type="button" disabled=${!halt || halt.state === "halted"} onClick=${() => setAsking("stop")}>Stop</button>
      <button type="button" class="danger" disabled=${!halt} onClick=${() => setAsking("panic")}>Panic</button>
    </div>
    ${asking && html`<${Confirm} action=${asking} latched=${halt.latched} onDone=${() => setAsking(null)} />`}
  </header>`;
}

const ACTIONS = {
  pause: ["Pause the desk?", "No new exposure. Positions and their stops stay; the desk may only get smaller.", "Pause"],
  stop: ["Stop deciding?", "No more decisions. Positions keep their stops, and can still be reduced.", "Stop"],
  panic: ["Flatten everything?", "Cancels open entries, sells every position at market, and latches the desk until somebody confirms.", "Flatten now"],
  resume: ["Resume trading?", "The desk decides and takes exposure again within its limits.", "Resume"],
};

function Confirm({ action, latched, onDone }) {
  const dialog = useRef(null);
  const cancel = useRef(null);
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  const [state, setState] = useState({ busy: false, error: "" });
  const [title, text, label] = ACTIONS[action];
  const resume = action === "resume";
  const confirm = resume && latched;
  useEffect(() => {
    dialog.current.showModal();
    cancel.current.focus();
  }, []);
  async function act(event) {
    event.preventDefault();
    setState({ busy: true, error: "" });
    const told = reason.trim() ? { reason: reason.trim() } : {};
    try {
      const path = resume ? "resume" : "halt";
      const result = await ask(path, resume ? { ...told, confirm: sure } : { ...told, action });
      change({ status: await ask("status"), notice: result.message });
      onDone();
    } catch (error) {
      setState({ busy: false, error: error.message });
    }
  }
  return html`<dialog ref=${dialog} class="confirm" aria-labelledby="confirm-title" onClose=${onDone}>
    <form onSubmit=${act}>
      <h2 id="confirm-title">${title}</h2><p>${text}</p>
      <label>Reason, for the record
        <input value=${reason} maxLength="500" required=${resume} placeholder=${resume ? "what you looked at" : "asked for by the operator"} onInput=${(e) => setReason(e.target.value)} /></label>
      ${confirm && html`<label class="check"><input type="checkbox" checked=${sure} onChange=${(e) => setSure(e.target.checked)} />
        I have looked at why the desk was latched, and lift the latch.</label>`}
      ${state.error && html`<p class="error" role="alert">${state.error}</p>`}
      <div class="buttons"><button type="button" ref=${cancel} onClick=${() => dialog.current.close()}>Cancel</button>
        <button type="submit" class=${resume ? "go" : action === "panic" ? "danger" : "primary"}
          disabled=${state.busy || (confirm && !sure) || (resume && !reason.trim())}>${state.busy ? "Working ..." : label}</button></div>
    </form>
  </dialog>`;
}

/** What must not be overlooked, in one line: a broken line first, then a desk that does not trade. */
export function Banner() {
  const { link, status, trouble } = useStore();
  const halt = status?.halt;
  if (link === "lost" || link === "stale") {
    return html`<p class="banner bad" role="alert" id="banner"><b>No live data.</b> What you see is from
      ${status ? ` ${stamp(status.now)} UTC` : " before"} and may be wrong. Reconnecting ...</p>`;
  }
  if (status && ["failed", "finished", "stopping"].includes(status.state)) {
    return html`<p class=${`banner ${status.state === "failed" ? "bad" : "calm"}`} role="status" id="banner"><b>The session is ${status.state}.</b>
      Nothing below moves any more.</p>`;
  }
  if (halt && halt.state !== "active") {
    return html`<p class=${`banner ${halt.state === "halted" ? "bad" : "warn"}`} role="status" id="banner">
      <b>${halt.state === "halted" ? "Halted" : "Reducing only"}${halt.latched ? ", latched" : ""}.</b>
      ${` ${halt.reason}`} <span>by ${halt.by}, ${stamp(halt.at)}</span></p>`;
  }
  if (trouble) return html`<p class="banner warn" role="status" id="banner">${trouble}</p>`;
  return null;
}

export function Figures() {
  const { status, limits } = useStore();
  if (!status) return html`<div class="figures" aria-hidden="true"></div>`;
  const allowed = (name) => limits?.limits.find((limit) => limit.name === name)?.value;
  const day = allowed("max_daily_loss_fraction");
  const fall = allowed("max_drawdown_fraction");
  const { account, counts, models } = status;
  return html`<div class="figures" aria-label="Account">
    <${Figure} name="equity" label=${`Equity ${account.currency}`} value=${money(account.equity)} big />
    <${Figure} name="profit" label="P&L" value=${signed(account.profit)} note=${percent(account.profit_fraction, 2, true)} mood=${tone(account.profit)} big />
    <${Figure} label="Today" value=${percent(account.day_change, 2, true)} note=${day && `stops at ${percent(-day)}`} mood=${tone(account.day_change)} />
    <${Figure} label="Drawdown" value=${percent(account.drawdown)} note=${fall ? `of ${percent(fall)} allowed` : "from peak"} />
    <${Figure} label="Cash" value=${money(account.cash, 0)} />
    <${Figure} label="Fees" value=${money(account.fees)} />
    <${Figure} label="Decisions" value=${count(counts.cycles)} note=${`${count(counts.refusals)} refused`} />
    <${Figure} label="Fills" value=${count(counts.fills)} note=${`${count(counts.open_orders)} open`} />
    <${Figure} label="Models" value=${models.enabled ? cost(models.cost) : "baseline"} note=${models.enabled ? `${count(models.tokens)} tokens` : "no key set"} />
    <div class="prices">${status.prices.map((quote) => html`<span key=${quote.symbol} class=${quote.stale ? "stale" : ""}>
      ${quote.symbol.split("/")[0]}<b>${price(quote.last)}</b>${quote.stale && html`<em>stale</em>`}</span>`)}</div>
  </div>`;
}

function Figure({ name, label, value, note, mood = "", big = false }) {
  return html`<div class=${`figure ${big ? "big" : ""}`} data-figure=${name}><span>${label}</span><b class=${mood}>${value}</b>
    ${note && html`<small class=${mood}>${note}</small>`}</div>`;
}
