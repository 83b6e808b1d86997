// The phone: SMS as bubbles, the newest last. It scrolls along unless somebody has scrolled back.

import { element, facts, timesOf } from "./words.js";

const MOST = 40;
const list = document.querySelector("#texts");
const bubbles = new Map(); // number -> bubble

export function receive(message) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 48;
  const bubble = bubbles.get(message.number) ?? add(message.number);
  write(bubble, message);
  if (bubbles.size > MOST) {
    const [oldest] = bubbles.keys();
    bubbles.get(oldest).item.remove();
    bubbles.delete(oldest);
  }
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function add(number) {
  const bubble = {
    who: element("p", "who"),
    body: element("p", "body new"),
    meta: element("summary"),
    facts: element("dl", "facts"),
  };
  bubble.item = element("li", "bubble", bubble.who, bubble.body, element("details", "", bubble.meta, bubble.facts));
  bubbles.set(number, bubble);
  list.append(bubble.item);
  return bubble;
}

function write(bubble, message) {
  bubble.who.textContent = [message.job?.salon, message.to].filter(Boolean).join(" → ");
  bubble.body.textContent = message.body;
  bubble.meta.textContent = timesOf(message);
  bubble.facts.replaceChildren(...facts(message));
}
