// The line to the desk: requests, and the event stream with reconnect, backoff and a watch for silence.

import { change, store } from "/assets/js/store.js";

const SILENCE = 6000; // the desk beats every 2 s
const RETRY_FIRST = 500;
const RETRY_MOST = 10000;

export async function ask(path, body) {
  const options = { headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, options);
  } catch {
    throw new Error("The desk cannot be reached.");
  }
  if (answer.status === 401) change({ link: "refused" });
  const told = await answer.json().catch(() => ({ error: `The desk answered ${answer.status}.` }));
  if (!answer.ok) throw new Error([told.error, told.fix].filter(Boolean).join(". "));
  return told;
}

/** Follow the stream for ever. `onFresh` runs when the page must read everything again; `onEvents` gets batches. */
export function follow({ onFresh, onEvents }) {
  let stream = null;
  let seq = 0;
  let retry = RETRY_FIRST;
  let heard = 0;
  let socket = null;

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const place = stream ? `?stream=${stream}&after=${seq}` : "";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/events${place}`);
    heard = performance.now();
    socket.onmessage = (message) => hear(JSON.parse(message.data));
    socket.onclose = lost;
  }

  function hear(message) {
    heard = performance.now();
    if (store.link !== "live") change({ link: "live", retryAt: null });
    if (message.type === "hello") {
      retry = RETRY_FIRST;
      const renewed = message.stream !== stream;
      stream = message.stream;
      if (renewed) seq = 0;
      onFresh(renewed);
    } else if (message.type === "gap") {
      onFresh(false);
    } else if (message.type === "beat") {
      change({ quiet: message.quiet_seconds });
    } else if (message.type === "events") {
      const fresh = message.events.filter((event) => event.seq > seq);
      if (fresh.length) {
        seq = fresh[fresh.length - 1].seq;
        change({ quiet: 0 });
        onEvents(fresh);
      }
    }
  }

  async function lost() {
    if (store.link === "refused") return;
    const wait = retry * (0.8 + 0.4 * Math.random());
    retry = Math.min(retry * 1.8, RETRY_MOST);
    change({ link: "lost", retryAt: Date.now() + wait });
    // A browser does not say why a WebSocket failed: ask, so that a wrong cookie is told apart from a stopped desk.
    await ask("version").catch(() => null);
    if (store.link !== "refused") setTimeout(connect, wait);
  }

  setInterval(() => {
    if (store.link === "live" && performance.now() - heard > SILENCE) {
      change({ link: "stale" });
      socket.close();
    }
  }, 500);
  connect();
}
