// An answer on the page: its tokens, how likely they were, and where
// a head of the model looked. Text reaches the page as text alone:
// nothing here writes HTML.

const tip = document.getElementById("tip");
const status = document.getElementById("status");

export function make(kind, className = "", text = "") {
  const node = document.createElement(kind);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

export const say = (text) => { status.textContent = text; };

const visible = (text) =>
  text.replaceAll(" ", "▁").replaceAll("\n", "¶") || "·";

function percent(share) {
  if (share >= 0.1) return `${(100 * share).toFixed(0)}%`;
  if (share >= 0.001) return `${(100 * share).toFixed(1)}%`;
  return "< 0.1%";
}

// Tokens can end inside a character: show their bytes joined, so that
// a character stands in the token that completes it
export class Tokens {
  constructor(box) {
    this.box = box;
    this.spans = [];
    this.decoder = new TextDecoder();
    box.setAttribute("role", "group");
    box.setAttribute(
      "aria-label", "Answer; arrow keys walk through its tokens");
    box.addEventListener("keydown", (event) => this.walk(event));
    box.addEventListener("focusout", hideTip);
    box.addEventListener("mouseleave", hideTip);
  }

  add(entry) {
    const bytes = new Uint8Array(entry.bytes);
    let text = this.decoder.decode(bytes, { stream: true });
    if (!this.spans.length) text = text.trimStart();
    const span = make("span", "token", text);
    const share = Math.exp(entry.logprob);
    const doubt = (0.22 * (1 - share) ** 2).toFixed(3);
    span.style.setProperty("--doubt", doubt);
    span.tabIndex = this.spans.length ? -1 : 0;
    span.setAttribute(
      "aria-label", `${text}, ${percent(share)}`);
    span.setAttribute("aria-describedby", "tip");
    const show = () => showTip(span, entry);
    span.addEventListener("mouseenter", show);
    span.addEventListener("click", () => span.focus());
    span.addEventListener("focus", () => {
      for (const other of this.spans) other.tabIndex = -1;
      span.tabIndex = 0;
      show();
    });
    this.spans.push(span);
    this.box.append(span);
  }

  walk(event) {
    const here = this.spans.indexOf(document.activeElement);
    const last = this.spans.length - 1;
    const goals = {
      ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: last,
    };
    if (here < 0 || !(event.key in goals)) return;
    event.preventDefault();
    this.spans[Math.min(Math.max(goals[event.key], 0), last)].focus();
  }
}

function bar(token, share, drawn) {
  const row = make("div", drawn ? "bar drawn" : "bar");
  const line = make("i");
  const fill = make("b");
  fill.style.width = `${100 * share}%`;
  line.append(fill);
  row.append(
    make("code", "", visible(token)), line,
    make("span", "", percent(share)));
  return row;
}

function showTip(span, entry) {
  // List the token beside what else it might have been
  const top = entry.top_logprobs;
  const place = top.findIndex((other) => other.token === entry.token);
  const told = place < 0
    ? "drawn from further down"
    : place ? `number ${place + 1} of the likeliest` : "the likeliest";
  tip.replaceChildren(make("p", "", told));
  const rows = place < 0 ? [...top, entry] : top;
  rows.forEach((other) => tip.append(bar(
    other.token, Math.exp(other.logprob),
    other === entry || other.token === entry.token)));

  // Stand below the token, or above it where there is no room
  tip.hidden = false;
  const at = span.getClientRects()[0] ?? span.getBoundingClientRect();
  const box = tip.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const floor = document.getElementById("composer")
    .getBoundingClientRect().top;
  const left = Math.max(8, Math.min(at.left, wide - box.width - 8));
  const below = at.bottom + 8;
  const fits = below + box.height < floor || at.top < box.height + 8;
  const top_ = fits ? below : at.top - box.height - 8;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${top_ + window.scrollY}px`;
}

export function hideTip() { tip.hidden = true; }

// The map of one head over the last answer: the text with its weights,
// and the whole table as a picture
export class AttentionMap {
  constructor(model, ask) {
    this.ask = ask;
    this.box = make("section", "map");
    this.box.setAttribute("aria-label", "Attention");
    const choose = make("p", "choose");
    this.layer = this.menu(choose, "Layer", model.layers);
    this.head = this.menu(choose, "Head", model.heads);
    this.text = make("p", "seen");
    this.text.tabIndex = 0;
    this.text.setAttribute("role", "group");
    this.text.setAttribute(
      "aria-label", "Text; arrow keys choose a token of the answer");
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.note = make("p", "note");
    this.note.setAttribute("aria-live", "polite");
    this.box.append(choose, this.text, this.canvas, this.note);
    this.text.addEventListener("keydown", (event) => this.walk(event));
    this.canvas.addEventListener("click", (e) => this.point(e));
    this.canvas.addEventListener("mousemove", (e) => this.point(e));
  }

  menu(place, name, count) {
    const label = make("label", "", `${name} `);
    const menu = make("select");
    for (let i = 0; i < count; i += 1) {
      const option = make("option", "", `${i + 1}`);
      option.value = i;
      menu.append(option);
    }
    menu.addEventListener("change", () => this.load());
    label.append(menu);
    place.append(label);
    return menu;
  }

  async load() {
    const found = await this.ask(
      Number(this.layer.value), Number(this.head.value));
    if (!found) return;
    Object.assign(this, found);
    this.write();
    this.paint();
    this.choose(Math.min(this.row ?? 0, this.weights.length - 1));
  }

  write() {
    this.spans = this.tokens.map((token, i) => {
      const mark = /^<\|(\w+)\|>$/.exec(token);
      const span = make("span", mark ? "mark" : "", mark
        ? ` ${mark[1]} ` : token);
      if (i >= this.first) {
        const row = i - this.first;
        span.addEventListener("mouseenter", () => this.choose(row));
        span.addEventListener("click", () => this.choose(row));
      }
      return span;
    });
    this.text.replaceChildren(...this.spans);
  }

  paint() {
    // A row for each token of the answer, a column for each token read
    const rows = this.weights.length, columns = this.tokens.length;
    const cell = Math.max(2, Math.floor(1200 / columns));
    this.canvas.width = columns * cell;
    this.canvas.height = rows * cell;
    this.canvas.setAttribute("aria-label",
      `Table of weights: ${rows} tokens of the answer by the `
      + `${columns} tokens that they read`);
    const pen = this.canvas.getContext("2d");
    const tint = getComputedStyle(document.documentElement)
      .getPropertyValue("--look");
    this.weights.forEach((row, y) => row.forEach((weight, x) => {
      pen.fillStyle = `rgb(${tint} / ${Math.sqrt(weight)})`;
      pen.fillRect(x * cell, y * cell, cell, cell);
    }));
  }

  choose(row) {
    this.row = row;
    const weights = this.weights[row];
    this.spans.forEach((span, i) => {
      const weight = weights[i] ?? 0;
      span.style.setProperty("--weight", (0.85 * weight ** 0.6)
        .toFixed(3));
      span.classList.toggle("later", i >= weights.length);
      span.classList.toggle("here", i === this.first + row);
    });
    const most = weights
      .map((weight, i) => [weight, this.tokens[i]])
      .sort((a, b) => b[0] - a[0]).slice(0, 3)
      .map(([weight, token]) => `${visible(token)} ${percent(weight)}`);
    const here = visible(this.tokens[this.first + row]);
    this.note.textContent = `${here} takes most from ${most.join(", ")}.`
      + " In the table: a row for each token of the answer, a column"
      + " for each token read.";
  }

  point(event) {
    // A browser also reports a mouse that rests while the page moves
    const rests = !event.movementX && !event.movementY;
    if (event.type === "mousemove" && rests) return;
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientY - box.top) / box.height;
    const row = Math.floor(share * this.weights.length);
    const last = this.weights.length - 1;
    this.choose(Math.min(Math.max(row, 0), last));
  }

  walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !this.weights) return;
    event.preventDefault();
    const last = this.weights.length - 1;
    this.choose(Math.min(Math.max(this.row + step, 0), last));
  }
}
