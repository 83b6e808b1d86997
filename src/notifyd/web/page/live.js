// Brings the figures: as server-sent events, or by asking where no stream is to be had; nothing while the tab is hidden.

const STREAM = "stats/stream";
const PLAIN = "stats";
const PAUSE = 2000; // milliseconds between an answer and the next question, where there is no stream
const LIMIT = 6000; // milliseconds until a question is given up
const AGAIN = 60_000; // milliseconds of asking before a stream is tried once more
const SILENCE = 40_000; // milliseconds: a stream says something every fifteen seconds, if it lives
const SPREAD = 1000; // milliseconds: tabs that are all looked at in the morning do not all come at once
const NOBODY = "notifyd does not answer.";

// `tell.figures(stats)`, `tell.unchanged(as_of)` and `tell.trouble(text)` are called with what there is to tell.
export function follow(tell) {
  let source = null;
  let question = null; // the one under way, where there is no stream
  let timer; // whatever is to be done next, if nothing is heard before

  function rest() {
    clearTimeout(timer);
    source?.close();
    question?.abort();
    source = question = null;
  }

  function next(act, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  }

  function listen() {
    rest();
    source = new EventSource(STREAM);
    const on = (name, act) => source.addEventListener(name, (event) => {
      next(silent, SILENCE);
      act(JSON.parse(event.data));
    });
    on("stats", tell.figures);
    on("alive", (beat) => tell.unchanged(beat.as_of));
    on("trouble", (refusal) => tell.trouble(told(refusal)));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) ask(performance.now() + AGAIN); // refused: all places are taken
      else tell.trouble(NOBODY); // the browser tries again by itself
    };
    next(silent, SILENCE);
  }

  function silent() {
    tell.trouble(NOBODY);
    listen();
  }

  async function ask(end) {
    rest();
    const mine = question = new AbortController();
    const limit = setTimeout(() => mine.abort(), LIMIT);
    try {
      const answer = await fetch(PLAIN, { signal: mine.signal });
      const body = await answer.json();
      if (question !== mine) return;
      if (answer.ok) tell.figures(body);
      else tell.trouble(told(body));
    } catch {
      if (question === mine) tell.trouble(NOBODY);
    } finally {
      clearTimeout(limit);
      if (question === mine) next(() => (performance.now() < end ? ask(end) : listen()), PAUSE);
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else next(listen, Math.random() * SPREAD);
  });
  if (!document.hidden) listen();
}

function told({ error, cure }) {
  return `${sentence(error)} ${sentence(cure)}`;
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
