// Draws the figures of /stats.

import { follow } from "./live.js";

const NAMES = { email: "E-mail", sms: "SMS" };
const FIGURES = ["sent", "failed", "suppressed", "unknown", "paused"];

const spot = (id) => document.getElementById(id);
const count = (figure) => figure.toLocaleString();

function show(stats) {
  spot("jobs").replaceChildren(...Object.entries(stats.jobs).map(([state, figure]) => tile(state, figure)));
  spot("channels").replaceChildren(...Object.entries(stats.channels).map(([name, figures]) => row(name, figures)));
  unchanged(stats.as_of);
  spot("notes").textContent = notes(stats).join(" ");
}

function unchanged(asOf) {
  spot("when").textContent = `as of ${new Date(asOf).toLocaleTimeString()}`;
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
  const box = element("div", "", element("dt", state), element("dd", count(figure)));
  box.className = figure ? state : "none";
  return box;
}

function row(name, figures) {
  const head = element("th", NAMES[name] ?? name);
  head.scope = "row";
  return element("tr", "", head, ...FIGURES.map((figure) => element("td", count(figures[figure]))));
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
