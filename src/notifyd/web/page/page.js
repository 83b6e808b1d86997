// Draws the figures of /stats.

import { follow } from "./live.js";

const NAMES = { email: "E-mail", sms: "SMS" };
const FIGURES = ["sent", "failed", "suppressed", "unknown", "paused"];
const EVER = new Set(["completed", "failed", "cancelled", "sent", "suppressed"]); // the others are counted now

const spot = (id) => document.getElementById(id);
const count = (figure) => figure.toLocaleString();
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
});

function show(stats) {
  spot("jobs").replaceChildren(...Object.entries(stats.jobs).map(([state, figure]) => tile(state, figure)));
  const channels = Object.entries(stats.channels);
  spot("channels").replaceChildren(element("tr", "", element("td", ""), ...channels.map(([name]) => head("col", name))));
  spot("messages").replaceChildren(...FIGURES.map((figure) => row(figure, channels)));
  unchanged(stats.as_of);
  spot("notes").textContent = notes(stats).join(" ");
}

function unchanged(asOf) {
  spot("when").textContent = `as of ${clock.format(new Date(asOf))}`;
  trouble("");
}

function notes(stats) {
  const lines = [];
  if (stats.oldest_due_s >= 1) lines.push(`The oldest due job has waited ${waited(stats.oldest_due_s)}.`);
  if (stats.partial) lines.push(`Completed without one of their channels: ${count(stats.partial)}.`);
  if (stats.unknown_status) lines.push(`Rows with a status that notifyd does not know: ${count(stats.unknown_status)}.`);
  return lines;
}

function waited(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function tile(state, figure) {
  const box = element("div", "", called("dt", state), element("dd", count(figure)));
  box.className = figure ? state : "none";
  return box;
}

function row(figure, channels) {
  return element("tr", "", head("row", figure), ...channels.map(([, figures]) => element("td", count(figures[figure]))));
}

function head(scope, name) {
  const made = called("th", name);
  made.scope = scope;
  return made;
}

function called(kind, name) {
  return element(kind, NAMES[name] ?? name, ...(EVER.has(name) ? [element("small", " ever")] : []));
}

function element(kind, text, ...children) {
  const made = document.createElement(kind);
  made.textContent = text;
  made.append(...children);
  return made;
}

function trouble(text) {
  const line = spot("trouble");
  if (line.textContent !== text) line.textContent = text; // an unchanged text is not read aloud again
  line.hidden = !text;
  document.querySelectorAll("section").forEach((section) => section.classList.toggle("stale", Boolean(text)));
}

follow({ figures: show, unchanged, trouble });
