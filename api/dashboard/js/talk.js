// Activity and chat. What is said here is text and stays text.

import { html, useEffect, useRef, useState } from "/assets/vendor/htm-preact-3.1.1.mjs";
import { short } from "/assets/js/format.js";
import { ask } from "/assets/js/link.js";
import { Empty, Panel } from "/assets/js/parts.js";
import { chatAdd, useStore } from "/assets/js/store.js";

const STARTERS = ["What is the status?", "Why the last trade?", "How much risk is on?"];

export function Talk() {
  return html`<div class="column talk"><${Activity} /><${Chat} /></div>`;
}

function Activity() {
  const { feed } = useStore();
  return html`<${Panel} name="activity" title="Activity" note="fills, refusals, notices">
    ${feed.length === 0 ? html`<${Empty} title="Quiet so far" text="Fills, refusals, stops and notices appear here as they happen." />`
      : html`<ol class="scroll feed" aria-live="off">${feed.map((entry) => html`<li key=${entry.key} class=${entry.tone}>
        <time>${short(entry.at)}</time><b>${entry.title}</b><span>${entry.text}</span></li>`)}</ol>`}
  <//>`;
}

function Chat() {
  const { chat, status } = useStore();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const end = useRef(null);
  useEffect(() => {
    // A long answer is read from its question on, not from its end.
    const asked = [...end.current.querySelectorAll(".message.you")].pop();
    if (asked) end.current.scrollTop = asked.offsetTop - end.current.offsetTop - 6;
  }, [chat.length, busy]);
  async function send(said, confirm = null) {
    if (!said.trim() || busy) return;
    chatAdd({ from: "you", text: confirm ? `Confirmed: ${said}` : said });
    setText("");
    setBusy(true);
    try {
      chatAdd({ from: "desk", ...(await ask("chat", { text: said, confirm })) });
    } catch (error) {
      chatAdd({ from: "desk", text: error.message, failed: true });
    }
    setBusy(false);
  }
  const note = status ? (status.models.enabled ? "answers from the journal and tools" : "answers from the journal, without a model") : "";
  return html`<${Panel} name="chat" title="Chat" note=${note}>
    <div class="scroll messages" ref=${end} role="log" aria-label="Conversation" tabindex="0">
      ${chat.length === 0 && html`<div class="empty"><strong>Ask the desk</strong><span>Why it acted, what it holds, what risk is on; or tell it to pause.</span>
        <div class="starters">${STARTERS.map((starter) => html`<button type="button" onClick=${() => send(starter)}>${starter}</button>`)}</div></div>`}
      ${chat.map((message) => html`<div key=${message.key} class=${`message ${message.from} ${message.failed ? "failed" : ""}`}>
        <p>${message.text}</p>
        ${message.evidence?.length > 0 && html`<div class="chips">${message.evidence.map((item) => html`<code title=${Object.entries(item.values).map(([k, v]) => `${k} ${v}`).join(", ")}>${item.evidence_id}</code>`)}</div>`}
        ${message.proposed && html`<button type="button" class="primary" disabled=${busy || message !== chat[chat.length - 1]}
          onClick=${() => send(message.proposed.summary, message.proposed.confirm_id)}>${message.proposed.summary}</button>`}
        ${message.from === "desk" && message.source && html`<small>${message.source}</small>`}</div>`)}
      ${busy && html`<div class="message desk thinking"><p>Thinking ...</p></div>`}
    </div>
    <form class="compose" onSubmit=${(event) => { event.preventDefault(); send(text); }}>
      <input aria-label="Message to the desk" placeholder="Ask, or tell the desk something" maxLength="4000" value=${text} onInput=${(event) => setText(event.target.value)} />
      <button type="submit" class="primary" disabled=${busy || !text.trim()}>Send</button>
    </form>
  <//>`;
}
