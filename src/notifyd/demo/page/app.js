// What is new comes as server-sent events; a hidden tab closes the stream and asks for the rest when it is seen again.

import { drawBooked, drawChannels, drawFailed, drawJobs, drawWaiting } from "./figures.js";
import { receive as receiveMail, follow } from "./mail.js";
import { receive as receiveText } from "./phone.js";

const lost = document.querySelector("#lost");
const main = document.querySelector("main");
const button = document.querySelector("#book");
let source = null;
let since = "";
let mine = null; // the job that the button made
const delays = new Map(); // job -> channel -> milliseconds: a message may be here before the button's answer is
const REMEMBERED = 200;

function listen() {
  source = new EventSource(`events?since=${since}`);
  source.onopen = () => lose(false);
  source.onerror = () => lose(true);
  source.onmessage = (event) => {
    if (since && event.lastEventId.split("-")[0] !== since.split("-")[0]) {
      location.reload(); // another run of the demo: nothing here is true any more
      return;
    }
    since = event.lastEventId;
    draw(JSON.parse(event.data));
  };
}

function lose(isLost) {
  lost.hidden = !isLost;
  main.classList.toggle("stale", isLost); // what it shows was true, and may be no more
}

function draw(news) {
  for (const message of news.messages ?? []) {
    (message.channel === "email" ? receiveMail : receiveText)(message);
    if (message.job) remember(message);
  }
  if (mine) drawBooked(delays.get(mine) ?? {});
  if (news.stats) {
    drawJobs(news.stats);
    drawChannels(news.stats, news.paused, news.waiting);
  }
  if (news.failed) {
    drawFailed([...news.held, ...news.failed]);
    drawWaiting(news.waiting);
  }
}

function remember({ job, channel, delay }) {
  delays.set(job.id, { ...delays.get(job.id), [channel]: delay });
  if (delays.size > REMEMBERED) delays.delete(delays.keys().next().value);
}

async function book() {
  button.disabled = true;
  try {
    const answer = await fetch("bookings", { method: "POST" });
    mine = (await answer.json()).job;
    drawBooked(delays.get(mine) ?? {});
    follow(mine);
  } catch {
    lose(true);
  } finally {
    button.disabled = false;
    button.focus({ preventScroll: true });
  }
}

document.addEventListener("visibilitychange", () => {
  source?.close();
  if (!document.hidden) listen();
});
button.addEventListener("click", book);
if (!document.hidden) listen();
