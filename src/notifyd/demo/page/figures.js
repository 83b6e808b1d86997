// The counts, the channels, and the rows that need a word.

import { attemptsOf, duration, element, typeName } from "./words.js";

const NAMES = { email: "E-mail", sms: "SMS" };
const jobs = document.querySelector("#jobs");
const channels = document.querySelector("#channels");
const failed = document.querySelector("#failed");
const waiting = document.querySelector("#waiting");
const booked = document.querySelector("#booked");

const STATUSES = ["pending", "scheduled", "processing", "completed", "failed", "cancelled", "held"];
drawJobs({ jobs: Object.fromEntries(STATUSES.map((status) => [status, "–"])) }); // until the first answer is there

export function drawJobs(stats) {
  jobs.replaceChildren(...Object.entries(stats.jobs).map(([status, count]) => {
    const partial = status === "completed" && stats.partial ? [element("dd", "soft", `${stats.partial} in part`)] : [];
    const figure = element("dd", "figure", String(count));
    return element("div", `${status} ${count ? "" : "none"}`, element("dt", "", status), figure, ...partial);
  }));
}

export function drawChannels(stats, paused, jobsWaiting) {
  channels.replaceChildren(...Object.entries(stats.channels).map(([channel, counts]) => {
    const reason = paused[channel];
    const next = jobsWaiting.find((wait) => wait.waits_for === channel);
    const troubled = ["failed", "suppressed", "unknown"].filter((state) => counts[state]);
    const rest = troubled.map((state) => `${counts[state]} ${state}`).join(", ");
    const again = next ? `, next try ${soon(next.due_in)}` : "";
    return element(
      "li",
      "",
      element("p", `dot ${reason ? "paused" : ""}`, element("b", "", NAMES[channel] ?? channel), ` ${counts.sent} sent`),
      element("p", "soft", reason ? `paused${again}` : "running"),
      element("p", "soft", reason ?? rest),
    );
  }));
}

export function drawFailed(rows) {
  failed.replaceChildren(...rows.map((job) => element(
    "li",
    "",
    element("p", "", element("b", "", job.salon), ` · ${typeName(job.type)}`),
    element("p", "why", job.error ?? "no reason recorded"),
    meta(job, [job.status, `attempts ${attemptsOf(job)}`]),
  )));
}

export function drawWaiting(rows) {
  waiting.replaceChildren(...rows.map(({ job, due_in: dueIn, waits_for: channel, reason }) => element(
    "li",
    "",
    element("p", "", element("b", "", job.salon), ` · ${typeName(job.type)}`),
    element("p", "why", reason ?? (job.later ? "its sendAt has not come" : "its time has not come")),
    meta(job, [channel ? `waits for ${NAMES[channel]}` : `due ${soon(dueIn)}`, `attempts ${attemptsOf(job)}`]),
  )));
}

export function drawBooked(delays) {
  const arrived = Object.keys(NAMES).filter((channel) => Number.isFinite(delays[channel]));
  const parts = arrived.map((channel) => `${NAMES[channel]} after ${duration(delays[channel])}`);
  const text = ["Booked", ...parts].join(" · ");
  if (booked.textContent !== text) booked.textContent = text; // it is read aloud: only when it says something new
}

function meta(job, parts) {
  return element("p", "meta", `${parts.join(" · ")} · `, element("code", "", job.id));
}

function soon(seconds) {
  return seconds > 0 ? `in ${duration(Math.max(100, Math.round(seconds * 10) * 100))}` : "now";
}
