// What the page knows. One object, changed only here; views re-read it when told.

import { useEffect, useState } from "/assets/vendor/htm-preact-3.1.1.mjs";

export const store = {
  link: "connecting", // connecting | live | stale | lost | refused
  retryAt: null,
  quiet: 0,
  status: null,
  positions: null,
  orders: null,
  decisions: null,
  agents: [],
  limits: null, // the risk limits in force
  graph: null,
  cycle: null, // {id, number, at, done, summary}
  stations: {}, // node id -> {state, said, sources, verdict, seconds, tokens, cost, tools, views}
  feed: [], // newest first: {key, at, tone, title, text}
  chat: [], // {from, text, evidence, proposed, source}
  trouble: null, // the last failed request, in a line
};

const listeners = new Set();
let scheduled = false;

export function change(update) {
  Object.assign(store, update);
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}

export function useStore() {
  const [, render] = useState(0);
  useEffect(() => {
    const listener = () => render((n) => n + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return store;
}

const FEED = 80;

export function say(at, tone, title, text, cycleId = null) {
  const entry = { key: `${Date.now()}-${Math.random()}`, at, tone, title, text, cycleId };
  change({ feed: [entry, ...store.feed].slice(0, FEED) });
}

export function chatAdd(message) {
  change({ chat: [...store.chat, { key: store.chat.length, ...message }].slice(-100) });
}
