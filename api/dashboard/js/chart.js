// Equity over time, or a symbol's candles with the desk's fills on them.

import { html, useEffect, useRef, useState } from "/assets/vendor/htm-preact-3.1.1.mjs";
import * as lib from "/assets/vendor/lightweight-charts-5.2.1.mjs";
import { money, price, unix } from "/assets/js/format.js";
import { ask } from "/assets/js/link.js";
import { Empty, Panel } from "/assets/js/parts.js";
import { store, useStore } from "/assets/js/store.js";

const COLOURS = { up: "#3fb68b", down: "#ef6a75", line: "#5cc8ff", text: "#8c9aab", grid: "#17212c" };
const EVERY = 1000; // ms: the most often that candles are read again

/** A flat line is drawn flat: the scale spans two thousandths of the value or more. */
function atLeast(original) {
  const found = original();
  if (!found?.priceRange) return found;
  const { minValue, maxValue } = found.priceRange;
  const room = Math.max(0, Math.abs(maxValue) * 0.002 - (maxValue - minValue)) / 2;
  return { ...found, priceRange: { minValue: minValue - room, maxValue: maxValue + room } };
}

let mounted = null;

/** What main.js tells the chart. */
export const chart = {
  reload: () => mounted?.reload(),
  hear: (event) => mounted?.hear(event),
};

export function ChartPanel() {
  const { status } = useStore();
  const holder = useRef(null);
  const [view, setView] = useState("equity");
  const [points, setPoints] = useState(null);
  useEffect(() => {
    mounted = draw(holder.current, view, setPoints);
    mounted.reload();
    return () => mounted.remove();
  }, [view]);
  const tabs = ["equity", ...(status?.symbols ?? [])];
  const tools = html`<div class="tabs" role="group" aria-label="What the chart shows">${tabs.map((name) => html`<button type="button" key=${name}
    class=${name === view ? "on" : ""} aria-pressed=${name === view} onClick=${() => { setPoints(null); setView(name); }}>${name === "equity" ? "Equity" : name.split("/")[0]}</button>`)}</div>`;
  return html`<${Panel} name="chart" title=${view === "equity" ? "Equity" : view} note=${view === "equity" ? status?.account.currency : status?.timeframe} tools=${tools}>
    <div class="chart" ref=${holder} role="img" aria-label=${label(view, status)}></div>
    ${points !== null && points < 2 && html`<div class="over"><${Empty} title="Not enough to draw yet" text="The line begins with the second closed bar." /></div>`}
  <//>`;
}

function label(view, status) {
  if (!status) return "Chart";
  const last = status.prices.find((quote) => quote.symbol === view);
  return view === "equity" ? `Equity curve, now ${money(status.account.equity)} ${status.account.currency}` : `Candles of ${view}, last ${last ? price(last.last) : "unknown"}`;
}

function draw(holder, view, setPoints) {
  const plot = lib.createChart(holder, {
    autoSize: true,
    layout: { background: { type: "solid", color: "transparent" }, textColor: COLOURS.text, fontSize: 11, fontFamily: "Inter, system-ui, sans-serif", attributionLogo: false },
    grid: { vertLines: { color: COLOURS.grid }, horzLines: { color: COLOURS.grid } },
    rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.08 } },
    timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 2 },
    crosshair: { vertLine: { color: "#3d4b5c", labelBackgroundColor: "#243140" }, horzLine: { color: "#3d4b5c", labelBackgroundColor: "#243140" } },
    localization: { priceFormatter: (value) => price(value) },
    handleScroll: { vertTouchDrag: false },
  });
  const equity = view === "equity";
  const series = equity
    ? plot.addSeries(lib.AreaSeries, { lineColor: COLOURS.line, lineWidth: 2, topColor: "rgba(92,200,255,.26)", bottomColor: "rgba(92,200,255,0)", priceLineVisible: false, autoscaleInfoProvider: atLeast })
    : plot.addSeries(lib.CandlestickSeries, { upColor: COLOURS.up, downColor: COLOURS.down, wickUpColor: COLOURS.up, wickDownColor: COLOURS.down, borderVisible: false, priceLineVisible: false });
  const marks = equity ? null : lib.createSeriesMarkers(series, []);
  let newest = -Infinity;
  let known = 0;
  let alive = true;
  let waiting = null;
  let fitted = false;

  function show(rows) {
    const rising = rows.filter((row, index) => index === 0 || row.time > rows[index - 1].time);
    series.setData(rising);
    newest = rising.length ? rising[rising.length - 1].time : -Infinity;
    known = rising.length;
    setPoints(known);
    if (!fitted && known > 1) {
      if (equity) plot.timeScale().fitContent();
      else plot.timeScale().setVisibleLogicalRange({ from: Math.max(-0.5, known - 90), to: known + 2 });
      fitted = true;
    }
  }

  async function reload() {
    try {
      const rows = await ask(equity ? "equity?limit=2000" : `candles?symbol=${encodeURIComponent(view)}&limit=500`);
      if (!alive) return;
      if (equity) show(rows.map((row) => ({ time: unix(row.at), value: Number(row.equity) })));
      else {
        show(rows.map((row) => ({ time: unix(row.open_time), open: Number(row.open), high: Number(row.high), low: Number(row.low), close: Number(row.close) })));
        mark(rows);
      }
    } catch {
      if (alive && known === 0) setPoints(0); // the banner says why
    }
  }

  function mark(rows) {
    const starts = rows.map((row) => unix(row.open_time));
    const fills = (store.orders ?? []).flatMap((order) => order.fills).filter((fill) => fill.symbol === view);
    const shown = fills.map((fill) => ({ fill, time: starts.findLast((start) => start <= unix(fill.filled_at)) })).filter((item) => item.time !== undefined);
    marks.setMarkers(shown.sort((a, b) => a.time - b.time).map(({ fill, time }) => fill.side === "buy"
      ? { time, position: "belowBar", shape: "arrowUp", color: COLOURS.line, size: 1 }
      : { time, position: "aboveBar", shape: "arrowDown", color: "#e5b45c", size: 1 }));
  }

  function hear({ kind, data }) {
    if (equity && kind === "equity_marked" && known > 0) {
      const time = unix(data.at);
      if (time > newest) known += 1;
      if (time >= newest) {
        series.update({ time, value: Number(data.equity) });
        newest = time;
        setPoints(known);
        if (known < 300) plot.timeScale().fitContent();
      }
    } else if (waiting === null) {
      waiting = setTimeout(() => { waiting = null; if (alive) reload(); }, EVERY);
    }
  }

  function remove() {
    alive = false;
    clearTimeout(waiting);
    plot.remove();
  }

  return { reload, hear, remove };
}
