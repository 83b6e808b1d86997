// The list of mails, newest first, and the reader. A list under the pointer holds still; what came meanwhile is told.

import { element, facts, timesOf, typeName } from "./words.js";

const MOST = 60;
const list = document.querySelector("#mails");
const heldBack = document.querySelector("#held-back");
const subject = document.querySelector("#subject");
const envelope = document.querySelector("#envelope");
const factList = document.querySelector("#facts");
const letter = document.querySelector("#letter");

const rows = new Map(); // number -> { message, button }
const waiting = []; // rows that came while the list was under the pointer
let opened = null; // the number of the mail in the reader
let awaited = null; // the job whose mail is to be opened as soon as it comes

export function receive(message) {
  const known = rows.get(message.number);
  if (known) {
    known.message = message;
    write(known);
  } else {
    add(message);
  }
  if (message.job && message.job.id === awaited) {
    awaited = null;
    flush();
    open(message.number);
  } else if (opened === null) {
    open(message.number);
  } else if (opened === message.number) {
    describe(message);
  }
}

export function follow(job) {
  awaited = job;
  const known = [...rows.values()].find(({ message }) => message.job?.id === job);
  if (known) receive(known.message);
}

function add(message) {
  const row = { message, button: element("button", "new") };
  row.button.type = "button";
  row.button.addEventListener("click", () => open(message.number));
  rows.set(message.number, row);
  write(row);
  waiting.push(element("li", "", row.button));
  if (!isHeld()) flush();
  heldBack.textContent = waiting.length ? `${waiting.length} new` : "";
}

function isHeld() {
  return list.matches(":hover") || list.querySelector(":focus-visible") !== null;
}

function flush() {
  list.prepend(...waiting.splice(0).reverse());
  heldBack.textContent = "";
  while (list.children.length > MOST) {
    const last = list.lastElementChild;
    for (const [number, row] of rows) if (row.button.parentNode === last) rows.delete(number);
    last.remove();
  }
}

function write({ message, button }) {
  const job = message.job;
  const meta = [job ? typeName(job.type).split(",")[0] : "", timesOf(message)];
  button.replaceChildren(
    element("span", "who", job?.salon ?? message.from.replace(/ ?<.*/, "").replaceAll('"', "")),
    element("span", "", message.subject),
    element("span", `meta dot ${job?.status ?? "processing"}`, meta.filter(Boolean).join(" · ")),
  );
}

function open(number) {
  rows.get(opened)?.button.removeAttribute("aria-current");
  opened = number;
  const { message, button } = rows.get(number);
  button.setAttribute("aria-current", "true");
  letter.src = `mail/${number}`;
  describe(message);
}

function describe(message) {
  subject.textContent = message.subject;
  envelope.textContent = `${message.from}  →  ${message.to}`;
  factList.replaceChildren(...facts(message));
}

list.addEventListener("mouseleave", flush);
list.addEventListener("focusout", () => requestAnimationFrame(() => isHeld() || flush()));
