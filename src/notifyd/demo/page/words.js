// How things are called and written on this page, and the one way elements are made.

const TYPES = {
  booking_confirmation: "Confirmation",
  reminder_24h: "Reminder, a day before",
  reminder_2h: "Reminder, two hours before",
  cancellation: "Cancellation",
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function typeName(type) {
  return TYPES[type] ?? type;
}

function timeOfDay(seconds) {
  return clock.format(seconds * 1000);
}

export function duration(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 100_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

export function timesOf(message) {
  return [timeOfDay(message.at), ...(message.delay === null ? [] : [duration(message.delay)])].join(" · ");
}

export function attemptsOf(job) {
  return `${job.attempts} of ${job.max_attempts}`;
}

export function facts(message) {
  const job = message.job;
  const pairs = [
    ["Salon", job?.salon ?? "–"],
    ["Type", job ? typeName(job.type).split(",")[0] : "–"],
    ["Status", job?.status ?? "–"],
    ["Attempts", job ? attemptsOf(job) : "–"],
    [job?.later ? "Arrived · after its time" : "Arrived · after insert", timesOf(message)],
    ["Job", job?.id ?? "being looked up"],
  ];
  return pairs.map(([term, text], index) =>
    element("div", index === pairs.length - 1 ? "id" : "", element("dt", "", term), element("dd", "", text)));
}
