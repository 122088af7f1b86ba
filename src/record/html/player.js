(() => {
  const { cols, rows, hide, step, frames } = JSON.parse(document.getElementById("data").textContent);
  const [screen, quiz, ask, answers, play, slider, time, caption] =
    ["screen", "quiz", "ask", "answers", "play", "slider", "time", "caption"].map((id) => document.getElementById(id));
  // A picture is its text, or [text, milliseconds, {label, pause, ask, answers, say, why}].
  const length = (i) => (Array.isArray(frames[i]) ? frames[i][1] : step);
  const note = (i) => (Array.isArray(frames[i]) && frames[i][2]) || {};
  const starts = [0];
  frames.forEach((_, i) => starts.push(starts[i] + length(i)));
  const end = frames.length - 1;
  const stops = frames.map((_, i) => i).filter((i) => "label" in note(i));

  // Every so often a screen is kept, so that going back is quick.
  const EVERY = 100, kept = [];
  let shown = -1, s = decode.start(cols, rows);
  const seek = (i) => {
    if (i < shown || i - shown > EVERY) {
      let from = Math.min(Math.floor(i / EVERY), kept.length - 1);
      if (from * EVERY > shown || i < shown) {
        s = from < 0 ? decode.start(cols, rows) : { ...kept[from], cells: kept[from].cells.slice() };
        shown = from < 0 ? -1 : from * EVERY;
      }
    }
    while (shown < i) {
      shown++;
      decode.tell(s, [].concat(frames[shown])[0]);
      if (shown % EVERY == 0) kept[shown / EVERY] = { ...s, cells: s.cells.slice() };
    }
  };

  const named = "#1b1f24 #c0392b #27864a #b58900 #2f6fb5 #a3478a #2a8f9e #c9d1d9 #6a737d #e5533d #2fb98a #e6a23c #56b4e9 #cc79a7 #5bc8d6 #ffffff".split(" ");
  const css = (c, other) => (c == "" ? `var(--${other})` : c.includes(" ") ? `rgb(${c})` : named[c] || "inherit");
  const looks = new Map();
  const style = (look) => {
    if (!looks.has(look)) {
      let [fg, bg, mode] = look.split(",");
      [fg, bg] = [css(fg, "text"), css(bg, "ground")];
      if (mode.includes("r")) [fg, bg] = [bg, fg];
      const line = (mode.includes("u") ? " underline" : "") + (mode.includes("s") ? " line-through" : "");
      looks.set(look, `color:${fg};background:${bg}` + (mode.includes("b") ? ";font-weight:bold" : "") +
        (mode.includes("d") ? ";opacity:.6" : "") + (mode.includes("i") ? ";font-style:italic" : "") + (line && ";text-decoration:" + line));
    }
    return looks.get(look);
  };
  const drawn = [];
  const draw = () => {
    for (let y = 0; y < rows; y++) {
      const row = s.cells.slice(y * cols, (y + 1) * cols), key = row.map((cell) => cell[0] + cell[1]).join("\0");
      if (drawn[y] == key) continue;
      drawn[y] = key;
      const line = document.createElement("div");
      for (let x = 0; x < cols; ) {
        const [text, look, width] = row[x], span = document.createElement(width == 1 ? "span" : "b");
        let run = text, n = Math.max(width, 1);
        if (width == 1) while (x + n < cols && row[x + n][1] == look && row[x + n][2] == 1) run += row[x + n++][0];
        else span.style.width = n + "ch";
        span.textContent = run;
        span.style.cssText += ";" + style(look);
        line.append(span);
        x += n;
      }
      screen.children[y] ? screen.children[y].replaceWith(line) : screen.append(line);
    }
  };

  let at = 0, playing = false, since = 0, asked = -1;
  // Who is asked must not read the answer.
  const veil = () => [...screen.children].forEach((line, y) => (line.style.visibility =
    asked >= 0 && ((y >= hide[0] && y < hide[1]) || (y >= hide[2] && y < hide[3])) ? "hidden" : ""));
  const say = (text) => text && caption.textContent != text && (caption.textContent = text);
  const answer = () => {
    const { say: words, ask: question } = note(asked);
    say(words || question);
    asked = -1;
    quiz.hidden = true;
    veil();
  };
  const show = (i, stop) => {
    at = Math.max(0, Math.min(end, i));
    seek(at);
    draw();
    slider.value = at;
    slider.ariaValueText = time.textContent = (starts[at] / 1000).toFixed(2) + " s";
    const n = note(at);
    asked = -1;
    quiz.hidden = true;
    if (stop && n.ask) {
      asked = at;
      ask.textContent = n.ask;
      answers.replaceChildren(...(n.answers || []).map((words) => {
        const button = document.createElement("button");
        button.textContent = words;
        button.onclick = answer;
        return button;
      }));
      quiz.hidden = false;
      say(n.ask);
    } else {
      for (let i = at; i >= 0; i--) {
        const { say: words, why, ask } = note(i);
        if (ask ? i < at && words : words || why) { say(ask ? words : words || why); break; }
      }
    }
    veil();
  };
  const set = (on) => {
    playing = on;
    play.textContent = on ? "❚❚" : "▶";
    play.ariaLabel = on ? "pause" : "play";
    if (on) {
      if (at == end) show(0);
      since = performance.now() - starts[at];
      requestAnimationFrame(tick);
    }
  };
  const tick = (now) => {
    if (!playing) return;
    let i = at;
    while (i < end && starts[i + 1] <= now - since) {
      i++;
      const n = note(i);
      if (n.pause || n.ask) { show(i, true); return set(false); }
    }
    if (i != at) show(i);
    if (i == end) return set(false);
    requestAnimationFrame(tick);
  };
  const go = (i, stop) => { set(false); show(i, stop); };
  // The first press at a question tells the answer, the next one goes on.
  const next = () => (asked >= 0 ? answer() : go(stops.find((i) => i > at) ?? end, true));
  const previous = () => go(stops.findLast((i) => i < at) ?? 0, true);
  const toggle = () => (asked >= 0 ? answer() : 0, set(!playing));
  const on = () => go(at + 1, true), back = () => go(at - 1);
  for (const [id, act] of Object.entries({ play: toggle, next, previous, on, back })) document.getElementById(id).onclick = act;
  slider.max = end;
  slider.oninput = () => go(+slider.value);
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.target == slider) return;
    const act = e.key == " " ? e.target.tagName != "BUTTON" && toggle
      : { ArrowRight: e.shiftKey ? on : next, PageDown: next, ArrowLeft: e.shiftKey ? back : previous, PageUp: previous,
          Home: () => go(0), End: () => go(end) }[e.key];
    if (act) { e.preventDefault(); act(); }
  });
  const fit = () => document.documentElement.style.setProperty("--size",
    Math.max(6, Math.min(innerWidth / (cols * .62), (innerHeight - 130) / (rows * 1.2))) + "px");
  addEventListener("resize", fit);
  fit();
  show(0, true);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches && asked < 0) set(true);
})();
