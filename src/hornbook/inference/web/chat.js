// A page to talk on: it asks the server it came from, and nobody else.

import { AttentionMap, Tokens, hideTip, make, say } from "./answer.js";

const ALTERNATIVES = 5;
const at = (id) => document.getElementById(id);
const dialogue = at("dialogue"), question = at("question");
let model = { name: "", layers: 0, heads: 0, context: 0 };
let meeting = null;
let said = [];
let running = null;
let key = "";

// Ask the server; ask the user for a key if the server wants one
async function call(path, body, signal) {
  for (;;) {
    const headers = { "Content-Type": "application/json" };
    if (key) headers.Authorization = `Bearer ${key}`;
    const method = body ? "POST" : "GET";
    const answer = await fetch(path, {
      method, headers, signal, body: body && JSON.stringify(body),
    });
    if (answer.ok) return answer;
    const { error } = await answer.json().catch(() => ({ error: {
      message: `the server answered ${answer.status}` } }));
    if (answer.status !== 401) {
      throw Object.assign(new Error(error.message), error);
    }
    key = await askKey();
    if (!key) throw new Error(error.message);
  }
}

function askKey() {
  const dialog = at("ask-key");
  dialog.returnValue = "";
  at("key").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close", () => resolve(at("key").value), { once: true });
  });
}

// Learn once what the model is; after a failure, ask anew
function meet() {
  meeting ??= introduce().catch((error) => {
    meeting = null;
    at("facts").textContent = error.message;
    throw error;
  });
  return meeting;
}

async function introduce() {
  model = await (await call("hornbook/model")).json();
  at("name").textContent = model.name;
  document.title = `Talking to ${model.name}`;
  const count = model.parameters.toLocaleString("en");
  at("facts").textContent = `${count} weights in ${model.layers} layers `
    + `of ${model.heads} heads; it sees ${model.context} tokens at once`;
  const room = Math.max(10, Math.floor(model.context / 2 / 10) * 10);
  at("max_tokens").max = Math.min(400, room);
  at("max_tokens").dispatchEvent(new Event("input"));
}

// Fail as soon as the user stops the answer
function stopped(signal) {
  return new Promise((_, fail) => {
    signal.addEventListener("abort", () => fail(signal.reason));
  });
}

// Give the events of a stream, one table after the other
async function* events(answer) {
  const reader = answer.body
    .pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the server is gone");
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

function turn(className, who) {
  const box = make("article", `turn ${className}`);
  box.append(make("span", "who", who));
  dialogue.append(box);
  return box;
}

function showQuestion(text) {
  turn("question", "You").append(make("p", "", text));
}

// What is asked of the model: as many turns as its context holds
async function openStream(note, signal) {
  for (let from = 0; ; from += 2) {
    try {
      const answer = await call("v1/chat/completions", {
        model: model.name,
        messages: said.slice(from),
        stream: true,
        logprobs: true,
        top_logprobs: ALTERNATIVES,
        temperature: Number(at("temperature").value),
        top_p: Number(at("top_p").value),
        max_tokens: Number(at("max_tokens").value),
      }, signal);
      if (from) {
        note.textContent = "The earliest turns no longer fit into the "
          + `model's context of ${model.context} tokens.`;
      }
      return { answer, from };
    } catch (error) {
      const long = error.code === "context_length_exceeded";
      if (!long || from + 2 >= said.length) throw error;
    }
  }
}

async function answer() {
  // Make room for the answer
  for (const old of dialogue.querySelectorAll(".tools")) old.remove();
  const box = turn("answer writing", at("name").textContent);
  const text = make("p", "text"), note = make("p", "note");
  const tokens = new Tokens(text);
  box.append(text, note);
  running = new AbortController();
  show(true);
  say("Answering");
  let whole = "", from = 0, finish = null;

  // Write it as it comes, once the model is known
  try {
    await Promise.race([meet(), stopped(running.signal)]);
    box.querySelector(".who").textContent = model.name;
    const opened = await openStream(note, running.signal);
    from = opened.from;
    for await (const event of events(opened.answer)) {
      const [choice] = event.choices;
      if (!choice) continue;
      const near = nearFoot();
      whole += choice.delta.content ?? "";
      choice.logprobs?.content.forEach((entry) => tokens.add(entry));
      finish = choice.finish_reason ?? finish;
      if (near) box.scrollIntoView({ block: "end" });
    }
    if (finish === "length") note.textContent += " Cut off by length.";
  } catch (error) {
    const wanted = error.name === "AbortError";
    note.textContent = wanted ? "Stopped." : error.message;
    note.classList.toggle("trouble", !wanted);
  }

  // Close it
  box.classList.remove("writing");
  running = null;
  show(false);
  if (whole.trim()) said.push({ role: "assistant", content: whole });
  const asked = whole.trim() ? said.slice(from) : null;
  box.append(tools(box, asked));
  say(whole ? `The answer: ${whole}` : note.textContent);
  if (nearFoot()) box.scrollIntoView({ block: "end" });
}

function nearFoot() {
  const page = document.documentElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < 160;
}

// What can be done with the last answer
function tools(box, asked) {
  const row = make("div", "tools");
  const again = make("button", "again", "Try again");
  again.type = "button";
  again.addEventListener("click", retry);
  row.append(again);
  if (!asked) return row;
  const look = make("button", "look", "Attention");
  look.type = "button";
  look.setAttribute("aria-expanded", "false");
  let map = null;
  look.addEventListener("click", async () => {
    if (map) {
      map.box.remove();
      map = null;
    } else {
      map = new AttentionMap(model, (layer, head) =>
        attention(box, asked, layer, head));
      box.append(map.box);
      await map.load();
      map?.box.scrollIntoView({ block: "nearest" });
    }
    look.setAttribute("aria-expanded", String(Boolean(map)));
  });
  row.append(look);
  return row;
}

async function attention(box, messages, layer, head) {
  try {
    const found = await call(
      "hornbook/attention", { messages, layer, head });
    return await found.json();
  } catch (error) {
    const note = box.querySelector(".note");
    note.textContent = error.message;
    note.classList.add("trouble");
    return null;
  }
}

function retry() {
  if (running) return;
  hideTip();
  dialogue.lastElementChild.remove();
  if (said.at(-1)?.role === "assistant") said.pop();
  answer();
  question.focus();
}

function show(busy) {
  at("send").textContent = busy ? "Stop" : "Ask";
  at("new").disabled = busy;
}

function ask() {
  const text = question.value.trim();
  if (!text || running) return;
  // A question that was never answered is replaced
  if (said.at(-1)?.role === "user") {
    said.pop();
    dialogue.lastElementChild?.remove();
    dialogue.lastElementChild?.remove();
  }
  at("hint").hidden = true;
  question.value = "";
  grow();
  said.push({ role: "user", content: text });
  showQuestion(text);
  answer();
}

function begin() {
  if (running) return;
  said = [];
  hideTip();
  dialogue.replaceChildren();
  at("hint").hidden = false;
  say("A new chat");
  question.focus();
}

function grow() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight}px`;
}

function shade() {
  dialogue.classList.toggle("shaded", at("shade").checked);
}

// Tie the page's controls to what they do
at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else ask();
});
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) {
    return;
  }
  event.preventDefault();
  ask();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  hideTip();
  running?.abort();
});
question.addEventListener("input", grow);
at("new").addEventListener("click", begin);
at("shade").addEventListener("change", shade);
for (const slider of document.querySelectorAll("[type=range]")) {
  slider.addEventListener("input", () => {
    slider.nextElementSibling.textContent = slider.value;
  });
}
shade();
meet().catch(() => {});
